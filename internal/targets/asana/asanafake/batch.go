package asanafake

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
)

// batch carries out several requests, as Asana's page on them says: at least
// one and at most ten, each with a status of its own under a 200. Options stand
// apart from the path, which has no parameters. The fake takes reads of tasks
// alone.
func (s *Server) batch(w http.ResponseWriter, r *http.Request, a account) {
	var in struct {
		Actions []struct {
			Path    string            `json:"relative_path"`
			Method  string            `json:"method"`
			Data    map[string]string `json:"data"`
			Options struct {
				Limit  int      `json:"limit"`
				Offset string   `json:"offset"`
				Fields []string `json:"fields"`
			} `json:"options"`
		} `json:"actions"`
	}
	if !s.body(w, r, &in) {
		return
	}
	if s.NoBatch {
		fail(w, http.StatusForbidden, "Your app is missing a required scope")
		return
	}
	if len(in.Actions) == 0 || len(in.Actions) > 10 {
		fail(w, http.StatusBadRequest, "actions: Must have between 1 and 10 actions")
		return
	}
	results := []any{}
	for _, action := range in.Actions {
		gid, task := strings.CutPrefix(action.Path, "/tasks/")
		if !task || strings.ContainsAny(gid, "/?") || action.Method != "get" || len(action.Data) > 0 {
			s.t.Errorf("a batch has the action %+v, which the fake does not know", action)
		}
		fields := url.Values{}
		if len(action.Options.Fields) > 0 {
			fields.Set("opt_fields", strings.Join(action.Options.Fields, ","))
		}
		inner := httptest.NewRequestWithContext(r.Context(), http.MethodGet, "/api/1.0/tasks/x?"+fields.Encode(), nil)
		inner.SetPathValue("gid", gid)
		answer := httptest.NewRecorder()
		s.getTask(answer, inner, a)
		results = append(results, map[string]any{"status_code": answer.Code, "headers": map[string]any{}, "body": json.RawMessage(answer.Body.Bytes())})
	}
	reply(w, http.StatusOK, results)
}
