package pbfake

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// apiError is a refusal in Productboard's shape.
type apiError struct {
	status int
	errs   []errorItem
}

type errorItem struct {
	Code   string       `json:"code"`
	Title  string       `json:"title"`
	Detail string       `json:"detail"`
	Source *errorSource `json:"source,omitempty"`
}

type errorSource struct {
	Pointer   string `json:"pointer,omitempty"`
	Parameter string `json:"parameter,omitempty"`
}

// The codes; all but probeFailed are in the published examples, that one is
// named in the description of the probe.
const (
	codeMalformed    = "request.malformed"
	codeInvalid      = "request.invalid"
	codeAuth         = "auth.invalid"
	codeDenied       = "auth.accessDenied"
	codeNotFound     = "resource.notFound"
	codeRoute        = "route.notFound"
	codeValidation   = "validation.failed"
	codeProbeFailed  = "callback.probeFailed"
	codeRateLimit    = "rate.limitExceeded"
	codeServer       = "internal.serverError"
	maxProblems      = 20
	maxErrorDetail   = 1000
	contentTypeJSON  = "application/json"
	contentTypePlain = "text/plain"
)

func fail(status int, code, title, detail string) *apiError {
	return &apiError{status, []errorItem{{Code: code, Title: title, Detail: cut(detail, maxErrorDetail)}}}
}

func (e *apiError) at(pointer string) *apiError {
	e.errs[0].Source = &errorSource{Pointer: pointer}
	return e
}

func malformed(detail string) *apiError {
	return fail(http.StatusBadRequest, codeMalformed, "Request malformed", detail)
}

func badParameter(name, detail string) *apiError {
	e := fail(http.StatusBadRequest, codeInvalid, "Request schema invalid", detail)
	e.errs[0].Source = &errorSource{Parameter: name}
	return e
}

func notFound() *apiError {
	return fail(http.StatusNotFound, codeNotFound, "Resource not found",
		"The requested resource could not be found or you do not have permission to access it.")
}

func routeNotFound() *apiError {
	return fail(http.StatusNotFound, codeRoute, "Route not found", "The requested URL path does not match any defined API route.")
}

func probeFailed(reason string) *apiError {
	return fail(http.StatusUnprocessableEntity, codeProbeFailed, "Callback probe failed", "The action URL could not be verified: "+reason+".").
		at("/data/fields/action/url")
}

// rejection turns problems into an error: problems of shape are a 400 and hide
// the others, which are a 422.
func rejection(problems []problem) *apiError {
	if len(problems) == 0 {
		return nil
	}
	status, code, title := http.StatusUnprocessableEntity, codeValidation, "Validation failed"
	shape := false
	for _, p := range problems {
		if p.shape {
			shape, status, code, title = true, http.StatusBadRequest, codeInvalid, "Request schema invalid"
			break
		}
	}
	e := &apiError{status: status}
	for _, p := range problems {
		if p.shape == shape && len(e.errs) < maxProblems {
			e.errs = append(e.errs, errorItem{code, title, cut(p.detail, maxErrorDetail), &errorSource{Pointer: p.pointer}})
		}
	}
	return e
}

// writeError sends an error with a new reference.
func (f *Fake) writeError(w http.ResponseWriter, e *apiError) {
	writeJSON(w, e.status, struct {
		ID     string      `json:"id"`
		Errors []errorItem `json:"errors"`
	}{fmt.Sprintf("req-%d", f.requests.Add(1)), e.errs})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	raw, err := json.Marshal(body)
	if err != nil {
		http.Error(w, "the reply cannot be encoded", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", contentTypeJSON)
	w.WriteHeader(status)
	_, _ = w.Write(raw)
}

// cut shortens a text to at most n characters.
func cut(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}
