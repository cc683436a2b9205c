package memtarget

import (
	"errors"
	"net/http"
	"strconv"

	"pushbutton/internal/secret"
)

const maxPage = 10_000

// Control is the tracker's other HTTP face, for the person or the test who
// plays it. It has no authentication: mount it where only they come.
//
//	GET /control/faults, PUT /control/faults          Faults
//	GET /control/books?after=N                        {"entries": [Entry...]}, at most 10,000
//	GET /control/issues?project=P                     {"issues": [Record...]}, newest first, at most 10,000
//	PUT /control/issues/{id}/status                   {"status": "Done"}
//	PUT /control/issues/{id}/title                    {"title": "A new name"}
//	PUT /control/issues/{id}/project                  {"project": "archive"}: moves it there
//	PUT /control/issues/{id}/trashed                  {"trashed": true}, false restores it
//	PUT /control/issues/{id}/hidden                   {"hidden": true}: no key sees it
//	DELETE /control/issues/{id}                       deletes it for good
//	PUT /control/projects/{project}                   {"apiKey": "..."}
//	DELETE /control/projects/{project}                {"apiKey": "..."}: the key opens the project no more
//	PUT /control/projects/{project}/outage            Outage; {} ends it
//	GET /control/hooks                                {"hooks": [Hook...], "faults": HookFaults, "stats": HookStats}
//	PUT /control/hooks                                HookFaults
//	GET /control/hooks/changes?after=N                {"changes": [Change...]}, at most 10,000
//	GET /control/hooks/deliveries?after=N             {"deliveries": [Delivery...]}, at most 10,000
//	POST /control/hooks/deliveries/{seq}              sends it again
func (t *Tracker) Control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /control/faults", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, t.Faults())
	})
	mux.HandleFunc("PUT /control/faults", func(w http.ResponseWriter, r *http.Request) {
		var in Faults
		if !read(w, r, &in) {
			return
		}
		if err := t.SetFaults(in); err != nil {
			refuse(w, http.StatusUnprocessableEntity, err.Error())
			return
		}
		reply(w, http.StatusOK, in)
	})
	mux.HandleFunc("GET /control/books", func(w http.ResponseWriter, r *http.Request) {
		after, _ := strconv.Atoi(r.URL.Query().Get("after"))
		reply(w, http.StatusOK, map[string][]Entry{"entries": t.Books(after, maxPage)})
	})
	mux.HandleFunc("GET /control/issues", func(w http.ResponseWriter, r *http.Request) {
		reply(w, http.StatusOK, issueList{Issues: t.Issues(r.URL.Query().Get("project"), maxPage)})
	})
	mux.HandleFunc("PUT /control/issues/{id}/status", change(func(id string, in newStatus) error { return t.SetStatus(id, in.Status) }))
	mux.HandleFunc("PUT /control/issues/{id}/title", change(func(id string, in newTitle) error { return t.Rename(id, in.Title) }))
	mux.HandleFunc("PUT /control/issues/{id}/project", change(func(id string, in newProject) error { return t.Move(id, in.Project) }))
	mux.HandleFunc("PUT /control/issues/{id}/trashed", change(func(id string, in newTrashed) error { return t.SetTrashed(id, in.Trashed) }))
	mux.HandleFunc("PUT /control/issues/{id}/hidden", change(func(id string, in newHidden) error { return t.SetHidden(id, in.Hidden) }))
	mux.HandleFunc("DELETE /control/issues/{id}", func(w http.ResponseWriter, r *http.Request) {
		changed(w, t.Delete(r.PathValue("id")))
	})
	mux.HandleFunc("PUT /control/projects/{project}", withKey(func(name string, key secret.String) { t.AddProject(name, key) }))
	mux.HandleFunc("DELETE /control/projects/{project}", withKey(t.RemoveKey))
	mux.HandleFunc("PUT /control/projects/{project}/outage", func(w http.ResponseWriter, r *http.Request) {
		var in Outage
		if read(w, r, &in) {
			changed(w, t.SetOutage(r.PathValue("project"), in))
		}
	})
	t.controlHooks(mux)
	return mux
}

func (t *Tracker) controlHooks(mux *http.ServeMux) {
	mux.HandleFunc("GET /control/hooks", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, map[string]any{"hooks": t.Hooks(""), "faults": t.HookFaults(), "stats": t.HookStats()})
	})
	mux.HandleFunc("PUT /control/hooks", func(w http.ResponseWriter, r *http.Request) {
		var in HookFaults
		if read(w, r, &in) {
			changed(w, t.SetHookFaults(in))
		}
	})
	mux.HandleFunc("GET /control/hooks/changes", func(w http.ResponseWriter, r *http.Request) {
		after, _ := strconv.Atoi(r.URL.Query().Get("after"))
		reply(w, http.StatusOK, map[string][]Change{"changes": t.Changes(after, maxPage)})
	})
	mux.HandleFunc("GET /control/hooks/deliveries", func(w http.ResponseWriter, r *http.Request) {
		after, _ := strconv.Atoi(r.URL.Query().Get("after"))
		reply(w, http.StatusOK, map[string][]Delivery{"deliveries": t.Deliveries(after, maxPage)})
	})
	mux.HandleFunc("POST /control/hooks/deliveries/{seq}", func(w http.ResponseWriter, r *http.Request) {
		seq, _ := strconv.Atoi(r.PathValue("seq"))
		changed(w, t.SendAgain(seq))
	})
}

// change handles the change of an issue to what the body says.
func change[T any](apply func(id string, in T) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in T
		if read(w, r, &in) {
			changed(w, apply(r.PathValue("id"), in))
		}
	}
}

func changed(w http.ResponseWriter, err error) {
	switch {
	case err == nil:
		w.WriteHeader(http.StatusNoContent)
	case errors.Is(err, errNoIssue), errors.Is(err, errNoProject), errors.Is(err, errNoDelivery):
		refuse(w, http.StatusNotFound, err.Error())
	default:
		refuse(w, http.StatusUnprocessableEntity, err.Error())
	}
}

// withKey handles what is done to one of a project's keys.
func withKey(apply func(name string, key secret.String)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			APIKey string `json:"apiKey"`
		}
		if !read(w, r, &in) {
			return
		}
		name := r.PathValue("project")
		if len(name) > maxName || in.APIKey == "" || len(in.APIKey) > maxName {
			refuse(w, http.StatusUnprocessableEntity, "the project's name or apiKey is empty or too long")
			return
		}
		apply(name, secret.New(in.APIKey))
		w.WriteHeader(http.StatusNoContent)
	}
}
