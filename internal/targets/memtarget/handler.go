package memtarget

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// API is the tracker's HTTP face, to be mounted where the setting url points:
//
//	GET    /api/projects/{project}
//	POST   /api/projects/{project}/issues
//	GET    /api/projects/{project}/issues?marker=M     oldest first
//	GET    /api/projects/{project}/issues-by-id?id=1,2  at most 100, without texts
//	GET    /api/projects/{project}/issues?since=TIME    changed since then (RFC 3339), at most 100, the longest ago first
//	GET    /api/projects/{project}/issues/{id}
//	PATCH  /api/projects/{project}/issues/{id}         {"status": ...}
//	POST   /api/projects/{project}/issues/{id}/comments {"text": ...}
//	GET    /api/projects/{project}/hooks               {"hooks": [...]}, without their secrets
//	POST   /api/projects/{project}/hooks               {"url": ..., "secret": ..., "active": true}
//	PATCH  /api/projects/{project}/hooks/{id}          any of the same
//	DELETE /api/projects/{project}/hooks/{id}
//
// Each needs one of the project's keys in X-API-Key; another project reads as
// 404. Failures are {"errors": [...]}. An issue that was moved is still reached
// through its former project, if the key opens both. A hidden issue is 403, and
// a change of a trashed one 409.
//
// A hook is told of every change that people make, by a POST that has a
// delivery's id and is signed with the secret:
//
//	X-Memory-Delivery: 0b0e...
//	X-Memory-Signature: sha256=<HMAC-SHA256 of the body in hex>
//	{"delivery": ..., "sentAt": TIME, "change": "status", "project": ..., "issue": {"id": ..., "key": ...}}
//
// It is tried three times, unless the answer is below 500 and not 429.
func (t *Tracker) API() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, op Operation, h http.HandlerFunc) {
		mux.HandleFunc(pattern, t.guard(op, h))
	}
	const root = "/api/projects/{project}"
	handle("GET "+root, OpOther, func(w http.ResponseWriter, r *http.Request) {
		reply(w, http.StatusOK, projectInfo{Key: r.PathValue("project")})
	})
	mux.HandleFunc("POST "+root+"/issues", t.authorized(t.postIssue))
	handle("GET "+root+"/issues", OpFind, t.findIssues)
	handle("GET "+root+"/issues-by-id", OpOther, t.listIssues)
	handle("GET "+root+"/issues/{id}", OpOther, t.withIssue(func(w http.ResponseWriter, _ *http.Request, issue Record) {
		reply(w, http.StatusOK, issue)
	}))
	handle("PATCH "+root+"/issues/{id}", OpOther, t.withIssue(unlessTrashed(t.patchIssue)))
	handle("POST "+root+"/issues/{id}/comments", OpOther, t.withIssue(unlessTrashed(t.postComment)))
	handle("GET "+root+"/hooks", OpOther, t.listHooks)
	handle("POST "+root+"/hooks", OpOther, t.writeHook)
	handle("PATCH "+root+"/hooks/{id}", OpOther, t.writeHook)
	handle("DELETE "+root+"/hooks/{id}", OpOther, t.removeHook)
	return mux
}

// authorized checks the key.
func (t *Tracker) authorized(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if t.foreign(w, r.PathValue("project")) {
			return
		}
		known, opens := t.access(r.PathValue("project"), r.Header.Get(headerKey))
		switch {
		case !known:
			refuse(w, http.StatusUnauthorized, "the API key is not known")
		case !opens:
			refuse(w, http.StatusNotFound, errNoProject.Error())
		default:
			h(w, r)
		}
	}
}

// guard checks the key and lets faults strike before the request is served.
func (t *Tracker) guard(op Operation, h http.HandlerFunc) http.HandlerFunc {
	return t.authorized(func(w http.ResponseWriter, r *http.Request) {
		if f := t.strike(op, t.subjectOf(r.URL.Query().Get("marker"), r.PathValue("id"))); f != nil && misbehave(w, r, *f) {
			return
		}
		h(w, r)
	})
}

func (t *Tracker) postIssue(w http.ResponseWriter, r *http.Request) {
	var in newIssue
	if !read(w, r, &in) {
		return
	}
	if problems := in.problems(); len(problems) > 0 {
		refuse(w, http.StatusUnprocessableEntity, problems...)
		return
	}
	struck := t.strikeCreate(r.PathValue("project"), in)
	if struck != nil && (!struck.After || struck.Effect == EffectSlow) {
		if misbehave(w, r, *struck) {
			return
		}
		struck = nil
	}
	outcome := "created"
	if struck != nil {
		outcome = struck.String()
	}
	created, err := t.create(Record{Project: r.PathValue("project"), Marker: in.Marker, Title: in.Title, Description: in.Description,
		Link: in.Link, Labels: in.Labels, Reporter: in.Reporter}, clip(r.Header.Get(headerRequestID)), outcome)
	if err != nil {
		w.Header().Set("Retry-After", "60") // nothing was made
		refuse(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	if struck != nil && misbehave(w, r, *struck) {
		return
	}
	reply(w, http.StatusCreated, created)
}

func (t *Tracker) findIssues(w http.ResponseWriter, r *http.Request) {
	marker := r.URL.Query().Get("marker")
	if since := r.URL.Query().Get("since"); marker == "" && since != "" {
		t.changedSince(w, r, since)
		return
	}
	if marker == "" {
		refuse(w, http.StatusBadRequest, "marker or since is required")
		return
	}
	visible := t.now().Add(-time.Duration(t.Faults().LagMS) * time.Millisecond)
	project, key := r.PathValue("project"), r.Header.Get(headerKey)
	reply(w, http.StatusOK, issueList{Issues: t.marked(project, marker, func(issue *Record) bool {
		return !issue.CreatedAt.After(visible) && !issue.Trashed && t.shows(issue, project, key) == nil
	})})
}

// changedSince lists a project's issues that changed at a time or later, also those
// in the trash. Deleted ones and those that were moved away are in no list.
func (t *Tracker) changedSince(w http.ResponseWriter, r *http.Request, since string) {
	from, err := time.Parse(time.RFC3339, since)
	if err != nil {
		refuse(w, http.StatusBadRequest, "since is no time: "+err.Error())
		return
	}
	out := issueList{Issues: []Record{}}
	for _, issue := range t.Issues(r.PathValue("project"), 0) {
		if !issue.UpdatedAt.Before(from) && !issue.Hidden {
			issue.Description, issue.Comments = "", nil
			out.Issues = append(out.Issues, issue)
		}
	}
	slices.SortStableFunc(out.Issues, func(a, b Record) int { return a.UpdatedAt.Compare(b.UpdatedAt) })
	out.Issues = out.Issues[:min(len(out.Issues), maxIDs)]
	reply(w, http.StatusOK, out)
}

// listIssues leaves out the ids of which the project shows no issue.
func (t *Tracker) listIssues(w http.ResponseWriter, r *http.Request) {
	ids := strings.Split(r.URL.Query().Get("id"), ",")
	if len(ids) > maxIDs {
		refuse(w, http.StatusBadRequest, fmt.Sprintf("more than %d ids", maxIDs))
		return
	}
	out := issueList{Issues: []Record{}}
	for _, id := range ids {
		issue, err := t.shown(id, r.PathValue("project"), r.Header.Get(headerKey))
		if err == nil && issue.ID == id {
			issue.Description, issue.Comments = "", nil
			out.Issues = append(out.Issues, issue)
		}
	}
	reply(w, http.StatusOK, out)
}

type issueHandler func(http.ResponseWriter, *http.Request, Record)

func (t *Tracker) withIssue(h issueHandler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		issue, err := t.shown(r.PathValue("id"), r.PathValue("project"), r.Header.Get(headerKey))
		switch {
		case err == nil:
			h(w, r, issue)
		case errors.Is(err, errHidden):
			refuse(w, http.StatusForbidden, err.Error())
		default:
			refuse(w, http.StatusNotFound, err.Error())
		}
	}
}

// unlessTrashed refuses to change what lies in the trash.
func unlessTrashed(h issueHandler) issueHandler {
	return func(w http.ResponseWriter, r *http.Request, issue Record) {
		if issue.Trashed {
			refuse(w, http.StatusConflict, errTrashed.Error())
			return
		}
		h(w, r, issue)
	}
}

func (t *Tracker) patchIssue(w http.ResponseWriter, r *http.Request, issue Record) {
	var in newStatus
	if !read(w, r, &in) {
		return
	}
	if err := t.SetStatus(issue.ID, in.Status); err != nil {
		refuse(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	issue.Status = in.Status
	reply(w, http.StatusOK, issue)
}

func (t *Tracker) postComment(w http.ResponseWriter, r *http.Request, issue Record) {
	var in newComment
	if !read(w, r, &in) {
		return
	}
	if in.Text == "" || len(in.Text) > maxDescription {
		refuse(w, http.StatusUnprocessableEntity, "text is empty or too long")
		return
	}
	if err := t.comment(issue.ID, in.Text); err != nil {
		refuse(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (in newIssue) problems() []string {
	var out []string
	if in.Title == "" || utf8.RuneCountInString(in.Title) > maxTitle {
		out = append(out, errTitle.Error())
	}
	if in.Marker == "" || len(in.Marker) > maxMarker {
		out = append(out, fmt.Sprintf("marker must have 1 to %d bytes", maxMarker))
	}
	if len(in.Description) > maxDescription {
		out = append(out, fmt.Sprintf("description is longer than %d bytes", maxDescription))
	}
	if len(in.Labels) > maxLabels {
		out = append(out, fmt.Sprintf("more than %d labels", maxLabels))
	}
	return out
}

// misbehave carries a fault out; false means that the request goes on.
func misbehave(w http.ResponseWriter, r *http.Request, f Fault) bool {
	switch f.Effect {
	case EffectSlow:
		timer := time.NewTimer(time.Duration(f.DelayMS) * time.Millisecond)
		defer timer.Stop()
		select {
		case <-timer.C:
			return false
		case <-r.Context().Done():
			return true
		}
	case EffectHold:
		timer := time.NewTimer(maxDelay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
		}
		panic(http.ErrAbortHandler)
	case EffectReset:
		panic(http.ErrAbortHandler)
	case EffectGarble:
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write([]byte("<html>created</html>"))
	case EffectStatus:
		if f.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(f.RetryAfter))
		}
		refuse(w, f.Status, "ordered: "+f.String())
	}
	return true
}

// read takes a JSON body strictly; false means that it was refused.
func read(w http.ResponseWriter, r *http.Request, out any) bool {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	dec.DisallowUnknownFields()
	err := dec.Decode(out)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		refuse(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is larger than %d bytes", maxBody))
	case err != nil:
		refuse(w, http.StatusBadRequest, "the body is not what is expected: "+err.Error())
	default:
		return true
	}
	return false
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set(headerRequestID, uuid.NewString())
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client has gone: nobody to tell
}

func refuse(w http.ResponseWriter, status int, problems ...string) {
	reply(w, status, failure{Errors: problems})
}

// clip bounds a short text that a client chose.
func clip(s string) string { return s[:min(len(s), maxName)] }
