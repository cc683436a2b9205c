package pbapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/secret"
)

// ErrorBody is the shape of every error reply, Productboard's and that of an
// action endpoint. At least one error is in it.
type ErrorBody struct {
	// ID names this one occurrence; Productboard's support asks for it.
	ID     string       `json:"id"`
	Errors []ErrorEntry `json:"errors"`
}

// ErrorEntry is one thing that was wrong.
type ErrorEntry struct {
	// Code is stable and for machines ("auth.accessDenied").
	Code string `json:"code"`
	// Title is the same for every occurrence, at most 255 characters.
	Title string `json:"title"`
	// Detail is about this occurrence, at most 1000 characters.
	Detail string       `json:"detail"`
	Source *ErrorSource `json:"source,omitempty"`
}

// ErrorSource says where in the request the error is: a JSON pointer into the
// body, or the name of a query parameter.
type ErrorSource struct {
	Pointer   string `json:"pointer,omitempty"`
	Parameter string `json:"parameter,omitempty"`
}

// codeProbeFailed is the error code of a create or an update if the action URL did
// not echo the probe's token.
const codeProbeFailed = "callback.probeFailed"

// Bounds, in bytes, of what is kept of an error reply.
const (
	maxErrorRef    = 128
	maxErrorDetail = 400
	maxErrorSource = 100
)

// refine adds to the verdict on a status what the body says: the reference for
// support, and for the log the first error. A body that is not an ErrorBody
// changes nothing.
func refine(reply outbound.Reply, verdict *fault.Error, secrets []secret.String) *fault.Error {
	if reply.Status >= 300 && reply.Status < 400 {
		verdict.Side = fault.SidePlugin
		verdict.Public = "Productboard's address leads somewhere else. An admin must check it in the plugin's configuration."
		return verdict
	}
	var body ErrorBody
	if json.Unmarshal(reply.Body, &body) != nil {
		return verdict
	}
	verdict.Ref = clean(body.ID, maxErrorRef, secrets)
	if len(body.Errors) == 0 {
		return verdict
	}
	first := body.Errors[0]
	where := ""
	if src := first.Source; src != nil {
		where = clean(src.Pointer+src.Parameter, maxErrorSource, secrets)
	}
	verdict.Err = fmt.Errorf("%w: %s %q at %q", verdict.Err,
		clean(first.Code, maxErrorRef, secrets), clean(first.Detail, maxErrorDetail, secrets), where)
	switch {
	case first.Code == codeProbeFailed:
		// Nothing was registered or changed, whatever the status.
		verdict.Kind, verdict.Side, verdict.Unsure = fault.Invalid, fault.SidePlugin, false
		verdict.Public = "Productboard could not verify this plugin's action URL: it must be reachable from the internet over https with a valid certificate, and answer within 5 seconds."
	case verdict.Kind == fault.Invalid && where != "":
		verdict.Public = fmt.Sprintf("Productboard refused what this plugin sent, because of %s. Ask an admin to look into the plugin's log.", where)
	}
	return verdict
}

// clean cuts a text of a reply to size, and takes out the secrets that a peer
// may have echoed.
func clean(s string, limit int, secrets []secret.String) string {
	texts := make([]string, len(secrets))
	for i, sec := range secrets {
		texts[i] = sec.Reveal()
	}
	s = secret.NewMask(texts...).Hide(s)
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "") + "..."
	}
	return s
}

// explain says whose failure it is and what a person can do about it, where
// that was not said yet.
func explain(ferr *fault.Error, r request) {
	if r.reads {
		ferr.Unsure = false // nothing to be carried out
	}
	ferr.Blame(fault.SideProductboard, "")
	var oversize *outbound.OversizeError
	if ferr.Public == "" && errors.As(ferr.Err, &oversize) {
		ferr.Public = fmt.Sprintf("Productboard's answer is larger than expected: more than %d %s. If this does not pass, an admin should check the Productboard address in the plugin's configuration.", oversize.Limit, oversize.What)
	}
	if ferr.Public == "" {
		ferr.Public = advice(ferr.Kind, r)
	}
}

func advice(kind fault.Kind, r request) string {
	switch kind {
	case fault.Unauthorized:
		return "Productboard does not accept the plugin's access token: it is wrong, expired or revoked. An admin must renew it in this integration's settings."
	case fault.Forbidden:
		return fmt.Sprintf("The plugin's Productboard token lacks a permission. An admin must give it %s, or use the token of somebody who may do this.", r.scope)
	case fault.NotFound, fault.Gone:
		return fmt.Sprintf("Productboard does not have %s any more, or the plugin's token may not see it.", r.thing)
	case fault.RateLimited:
		return "Productboard is getting too many requests from this plugin. Please try again in a minute."
	case fault.Timeout:
		return "Productboard did not answer in time. Please try again in a few minutes."
	case fault.Unavailable, fault.Intermediary:
		return "Productboard cannot be reached, or has a problem of its own. Please try again in a few minutes."
	case fault.Conflict:
		return "Somebody changed the same thing in Productboard at the same moment. Please try again."
	case fault.Invalid:
		return "Productboard refused what this plugin sent. Ask an admin to look into the plugin's log."
	case fault.Canceled:
		return "The plugin was stopped while it spoke to Productboard. Please try again."
	case fault.Blocked:
		return "The plugin may not reach Productboard's address. An admin must check the address and the plugin's egress rules."
	case fault.Internal:
		return "The plugin failed while it spoke to Productboard. Ask an admin to look into the plugin's log."
	}
	return ""
}
