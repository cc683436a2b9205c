package azuredevops

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// apiError keeps what was wrong with which fields.
type apiError struct {
	message string
	rules   []rule
}

func (e *apiError) Error() string { return "refused: " + e.message }

// refine turns what Azure DevOps says of a failure into a sentence. A token
// that is no good shows as 401, or as a page to log in under 203 or 302.
func (c client) refine(r outbound.Reply, verdict *fault.Error) *fault.Error {
	if r.Status == http.StatusNonAuthoritativeInfo && !isJSON(r.Header) || r.Status == http.StatusFound && toLogin(r) {
		verdict = &fault.Error{Kind: fault.Unauthorized, Err: fmt.Errorf("HTTP status %d: a page to log in", r.Status)}
	}
	if verdict == nil {
		return nil
	}
	var reply failure
	own := json.Unmarshal(r.Body, &reply) == nil && (reply.Message != "" || reply.TypeKey != "")
	if e := wire.Foreign(name, r, own); e != nil && verdict.Kind != fault.Unauthorized {
		return e
	}
	verdict.Ref = c.clean(r.Header.Get("ActivityId"))
	reply.Message = c.clean(reply.Message)
	switch {
	case verdict.Kind == fault.Unauthorized:
		verdict.Public = "Azure DevOps refused the token. Ask your admin to renew it in the integration's settings; it must belong to the organization and may have expired."
	case r.Status >= 300 && r.Status < 400:
		verdict.Public = "Azure DevOps' address leads elsewhere. Ask your admin to check settings.url and settings.organization."
	case r.Status >= 400 && r.Status < 500 && r.Status != http.StatusTooManyRequests && r.Status != http.StatusRequestTimeout:
		c.explain(verdict, reply)
	}
	return verdict
}

func isJSON(h http.Header) bool {
	t, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && t == typeJSON
}

// toLogin reports whether a redirect leads to the log-in page.
func toLogin(r outbound.Reply) bool {
	t, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	to := strings.ToLower(r.Header.Get("Location"))
	return strings.Contains(to, "_signin") || strings.Contains(to, "login.") || t == "text/html" && to == ""
}

// clean masks the credential in the form in which it is sent; the shared
// layer masks it as it was given.
func (c client) clean(s string) string {
	_, sent, _ := strings.Cut(c.cfg.authorization.Reveal(), " ")
	return strings.ReplaceAll(s, sent, "[secret]")
}

// rulesOf returns the broken rules of a refusal that is somewhere in err.
func rulesOf(err error) []rule {
	if apiErr, ok := errors.AsType[*apiError](err); ok {
		return apiErr.rules
	}
	return nil
}

// concerns reports whether a refusal is about a field.
func concerns(err error, field string) bool {
	return slices.ContainsFunc(rulesOf(err), func(r rule) bool { return r.Ref == field })
}

// missing reports whether a rule only asks for a value.
func (r rule) missing() bool {
	flags := strings.ToLower(r.Flags)
	return strings.Contains(flags, "required") && (strings.Contains(flags, "invalidempty") || !strings.Contains(flags, "invalid"))
}

// noItem and noProject are Azure DevOps' codes for an item and a project that
// it does not return.
const (
	noItem    = "TF401232"
	noProject = "TF200016"
)

// isNoItem reports whether a refusal is Azure DevOps' own word that it has no
// such item, or does not show it.
func isNoItem(err error) bool { return hasCode(err, noItem) }

func hasCode(err error, codes ...string) bool {
	var apiErr *apiError
	return errors.As(err, &apiErr) && slices.ContainsFunc(codes, func(code string) bool { return strings.Contains(apiErr.message, code) })
}

// namesRemembered reports whether a create was refused for what was looked up
// earlier: the type, a field, or the account that the issue is given to.
func namesRemembered(err error) bool {
	return hasCode(err, "VS402323", "TF51535") || concerns(err, fieldAssignedTo)
}

// tooLong marks a refusal of a text for its length. No limit is named.
func (r *resolved) tooLong(err error) error {
	for _, broken := range rulesOf(err) {
		if !strings.Contains(strings.ToLower(broken.Flags), "invalidtoolong") {
			continue
		}
		field := broken.Ref
		if field == r.description {
			field = ""
		}
		return targets.TooLong(err, field, 0, "'"+broken.label()+"' is too long")
	}
	return err
}

// label returns what people call the rule's field. The message names it in English
// and in most other languages; else its reference name's last part will do.
func (r rule) label() string {
	if m := regexp.MustCompile(`Rule Error for field (.+?)\. Error code`).FindStringSubmatch(r.Message); m != nil {
		return m[1]
	}
	if m := regexp.MustCompile(`for field '([^']+)'`).FindStringSubmatch(r.Message); m != nil {
		return m[1]
	}
	return r.Ref[strings.LastIndexByte(r.Ref, '.')+1:]
}

// explain makes the sentence of a refusal. typeKeys and codes (TF…, VS…) are
// the same in every language, messages are not.
func (c client) explain(verdict *fault.Error, reply failure) {
	rules := reply.Custom.Rules
	if reply.Custom.Reference != "" {
		rules = append(rules, rule{Ref: reply.Custom.Reference, Flags: "invalidValue", Message: reply.Message})
	}
	if reply.Message != "" || len(rules) > 0 {
		verdict.Err = fmt.Errorf("%w: %w", verdict.Err, &apiError{message: text.Title(reply.Message, text.MaxPublic), rules: rules})
	}
	has := func(codes ...string) bool {
		return slices.ContainsFunc(codes, func(code string) bool {
			return strings.Contains(reply.Message, code) || strings.Contains(reply.TypeKey, code)
		})
	}
	switch {
	case has("TF26071", "RevisionMismatch"):
		verdict.Kind = fault.Conflict
	case has("TF401289", "CreateTag"):
		verdict.Kind = fault.Forbidden
		verdict.Public = fmt.Sprintf("Azure DevOps: the token's account may not create tags in project %s. Ask an Azure DevOps admin to allow it Create tag definition.", c.cfg.project)
	case has(noProject, "ProjectDoesNotExist"):
		verdict.Kind = fault.NotFound
		verdict.Public = fmt.Sprintf("Azure DevOps has no project %q, or does not show it to the token's account. Ask your admin to correct settings.project.", c.cfg.project)
	case has("VS402323", "WorkItemTypeNotFound"):
		verdict.Kind = fault.NotFound
		verdict.Public = fmt.Sprintf("Azure DevOps has no work item type %q in project %s. Ask your admin to correct settings.type.", c.cfg.typ, c.cfg.project)
	case has("TF401347"):
		verdict.Kind = fault.Invalid
		verdict.Public = "Azure DevOps does not have the area or iteration path. Ask your admin to correct " + c.pathSettings() + "."
	case has("VssVersionOutOfRange"):
		verdict.Public = sentenceWith(reply.Message, ". Ask your admin to set settings.apiVersion.")
	case verdict.Kind == fault.Forbidden && reply.Message != "":
		verdict.Public = sentenceWith(reply.Message, ". Ask an Azure DevOps admin to allow it to the token's account.")
	case verdict.Kind == fault.Forbidden:
		verdict.Public = fmt.Sprintf("Azure DevOps does not allow this to the token's account in project %s. Ask an Azure DevOps admin to let it view and edit work items there.", c.cfg.project)
	case verdict.Kind == fault.NotFound:
		verdict.Public = fmt.Sprintf("Azure DevOps does not have what was asked for in project %s, or does not show it to the token's account. Ask your admin to check the integration's settings.", c.cfg.project)
	case len(rules) > 0:
		verdict.Public = c.ruleSentence(rules)
	case reply.Message != "":
		verdict.Public = sentence(reply.Message)
	}
}

func (c client) pathSettings() string {
	switch {
	case c.cfg.iteration == "":
		return "settings.areaPath"
	case c.cfg.area == "":
		return "settings.iterationPath"
	default:
		return "settings.areaPath or settings.iterationPath"
	}
}

// ruleSentence says what the fields want. Those that want a value come first:
// somebody can do something about them.
func (c client) ruleSentence(rules []rule) string {
	var missing, wrong []string
	for _, r := range rules {
		if r.missing() {
			missing = append(missing, "'"+r.label()+"'")
		} else {
			wrong = append(wrong, "'"+r.label()+"'")
		}
	}
	if len(missing) > 0 {
		return text.WithAdvice(name, fmt.Sprintf("%s required in project %s", fieldsAre(missing), c.cfg.project), ". Ask your admin to map it in settings.fields.")
	}
	return text.WithAdvice(name, fmt.Sprintf("%s not allowed the value given", fieldsAre(wrong)), ". Ask your admin to change the integration's settings.")
}

func fieldsAre(names []string) string {
	if len(names) == 1 {
		return "field " + names[0] + " is"
	}
	return "fields " + strings.Join(names, ", ") + " are"
}

// sentence returns Azure DevOps' own message without its code.
func sentence(message string) string {
	return sentenceWith(message, ". Ask your admin to check the integration's settings.")
}

func sentenceWith(message, advice string) string {
	if m := regexp.MustCompile(`^(?:TF|VS)\d+: `).FindString(message); m != "" {
		message = message[len(m):]
	}
	return text.WithAdvice(name, message, advice)
}

// trashedError is an item that lies in the recycle bin.
type trashedError struct{ name string }

func (e *trashedError) Error() string { return "the work item is in the recycle bin" }

// explain looks closer at an item that Azure DevOps does not return. Its words
// are the same for one that was destroyed and one that is hidden, so none is
// ever gone; most that people delete are in the recycle bin.
func (d *driver) explain(ctx context.Context, op, id string, err error) error {
	if isNoItem(err) {
		var bin deletedItem
		if d.get(ctx, "read recycle bin", d.wit("recyclebin/"+id, nil), wire.Answer{Into: &bin, Bound: outbound.One().WithTexts(1, maxDescription)}) == nil && bin.ID == number(id) {
			trashed := wire.Trashed(op, name, "Work item #"+id)
			trashed.Err = &trashedError{name: bin.Name}
			return trashed
		}
	}
	return wire.Absence{Op: op, Tracker: name, Issue: itemName(id), Account: "the token's account", CheckPlace: func(ctx context.Context) error {
		if _, why := d.resolveSettings(ctx); why != nil || !isNoItem(err) {
			return why
		}
		return &fault.Error{Kind: fault.NotFound}
	}}.Explain(ctx, err)
}

// notAzure returns the error for an answer that Azure DevOps does not send.
func notAzure(op string, err error) *fault.Error {
	return wire.Stranger(op, name, "settings.url and settings.organization", err)
}
