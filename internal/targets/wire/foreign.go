package wire

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
)

// Foreign returns the error for a refusal that something in front of the
// tracker wrote: a proxy, a firewall, an outage page. It returns nil where the
// reply may be the tracker's own. own reports whether the driver recognises
// the body as its tracker's; an empty body is never called foreign.
//
// The error is Unsure, since a firewall also drops replies to requests that
// were carried out.
func Foreign(tracker string, r outbound.Reply, own bool) *fault.Error {
	refused := r.Status == http.StatusForbidden || r.Status == http.StatusNotFound || r.Status == http.StatusGone || r.Status >= http.StatusInternalServerError
	if own || !refused || len(bytes.TrimSpace(r.Body)) == 0 {
		return nil
	}
	what := "not in " + tracker + "'s words"
	if WebPage(r) {
		what = "a web page"
	}
	e := Intermediary(tracker, what, r.Status, fmt.Errorf("%w that the tracker did not write", outbound.StatusError(r.Status)))
	if status := outbound.FromStatus(r.Status, r.Header); status != nil {
		e.RetryAfter = status.RetryAfter
	}
	return e
}

// WebPage reports whether a reply's body is HTML, which no tracker's API
// returns on purpose.
func WebPage(r outbound.Reply) bool {
	return strings.HasPrefix(strings.TrimSpace(strings.ToLower(r.Header.Get("Content-Type"))), "text/html") || bytes.HasPrefix(bytes.TrimSpace(r.Body), []byte("<"))
}

// Intermediary is the error for an answer that the tracker did not write.
func Intermediary(tracker, what string, status int, cause error) *fault.Error {
	if status > 0 {
		what = fmt.Sprintf("HTTP %d, %s", status, what)
	}
	return &fault.Error{Kind: fault.Intermediary, Unsure: true, Err: cause,
		Public: fmt.Sprintf("Something in front of %s answered (%s), not %s itself. Push again in a while. If it stays so, tell the people who run %s.", tracker, what, tracker, tracker)}
}
