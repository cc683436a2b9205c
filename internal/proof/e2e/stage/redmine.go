package stage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// redmineStart bounds a start that has to make the database first.
const redmineStart = 4 * time.Minute

// Redmine is a running Redmine, seen as its administrator.
type Redmine struct {
	URL     string
	APIKey  string
	Project string // an empty public one
	// The custom fields of the seed, by number: for the marker and for the
	// address, in all projects; and a required one, in none at first.
	MarkerField, LinkField, RequiredField int

	setFormat func(ctx context.Context, format string) error
}

// Redmine starts a Redmine with up.sh in a folder that may stay from run to
// run, reset to its seed. One run at a time may use a folder; what a run that
// was killed left there is stopped.
func (s *Stage) Redmine(ctx context.Context, script, dir string) (*Redmine, error) {
	ctx, cancel := context.WithTimeout(ctx, redmineStart)
	defer cancel()
	port, err := FreePort(ctx)
	if err != nil {
		return nil, err
	}
	env := s.environment()
	stop := func(ctx context.Context) error {
		_, err := s.run(ctx, env, "", script, "stop", dir)
		return err
	}
	unlock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	s.onClose(func() error { return errors.Join(stop(context.WithoutCancel(ctx)), unlock()) })
	if err := stop(ctx); err != nil {
		return nil, err
	}
	result, err := s.run(ctx, env, "", script, dir, strconv.Itoa(port))
	if err != nil {
		return nil, fmt.Errorf("redmine: %w\n%s", err, result.Stderr)
	}
	if result.Code != 0 {
		return nil, fmt.Errorf("redmine did not start (exit code %d):\n%s", result.Code, result.Stderr)
	}
	var seed struct {
		URL, APIKey, Project string
		Fields               struct{ Marker, Link, Required int }
	}
	if err := json.Unmarshal([]byte(result.Stdout), &seed); err != nil {
		return nil, fmt.Errorf("redmine: what up.sh printed: %w", err)
	}
	setFormat := func(ctx context.Context, format string) error {
		result, err := s.run(ctx, env, "", script, "format", dir, format)
		if err == nil && result.Code != 0 {
			err = fmt.Errorf("redmine's text format was not changed (exit code %d):\n%s", result.Code, result.Stderr)
		}
		return err
	}
	return &Redmine{URL: seed.URL, APIKey: seed.APIKey, Project: seed.Project, setFormat: setFormat,
		MarkerField: seed.Fields.Marker, LinkField: seed.Fields.Link, RequiredField: seed.Fields.Required}, nil
}

// lockDir makes sure that one run alone uses a folder.
func lockDir(dir string) (unlock func() error, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, "run.lock"), os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the caller's folder
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("redmine's folder %s is in use by another run", dir)
	}
	return f.Close, nil
}

// FreePort finds a port of 127.0.0.1 that nobody listens on at the moment.
func FreePort(ctx context.Context) (int, error) {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	port := ln.Addr().(*net.TCPAddr).Port
	return port, ln.Close()
}

// SetTextFormat changes what Redmine reads descriptions as: textile (its first),
// markdown or common_mark.
func (r *Redmine) SetTextFormat(ctx context.Context, format string) error {
	return r.setFormat(ctx, format)
}

// Call speaks with Redmine's REST API; in and out may be nil.
func (r *Redmine) Call(ctx context.Context, method, path string, in, out any) error {
	return call(ctx, method, r.URL+path, http.Header{"X-Redmine-Api-Key": {r.APIKey}}, in, out)
}

// AddProject makes an empty public project with the default trackers and
// gives its number.
func (r *Redmine) AddProject(ctx context.Context, identifier string) (int, error) {
	var made struct{ Project struct{ ID int } }
	err := r.Call(ctx, http.MethodPost, "/projects.json", map[string]any{"project": map[string]any{
		"name": identifier, "identifier": identifier, "is_public": true, "enabled_module_names": []string{"issue_tracking"}, "tracker_ids": []int{1, 2, 3},
	}}, &made)
	return made.Project.ID, err
}

// Issue is one as Redmine keeps it.
type Issue struct {
	ID          int
	Subject     string
	Description string
	Marker      string
	Link        string
}

// Issues lists every issue of a project, open or closed, oldest first.
func (r *Redmine) Issues(ctx context.Context, project string) ([]Issue, error) {
	return r.issues(ctx, url.Values{"project_id": {project}})
}

// AllIssues lists the issues of all projects that are active.
func (r *Redmine) AllIssues(ctx context.Context) ([]Issue, error) { return r.issues(ctx, url.Values{}) }

func (r *Redmine) issues(ctx context.Context, q url.Values) ([]Issue, error) {
	const page = 100 // the most that Redmine gives
	q.Set("status_id", "*")
	q.Set("sort", "id")
	q.Set("limit", strconv.Itoa(page))
	var all []Issue
	for {
		q.Set("offset", strconv.Itoa(len(all)))
		var reply struct {
			Issues []struct {
				ID                   int
				Subject, Description string
				Fields               []struct {
					ID    int
					Value any
				} `json:"custom_fields"`
			}
			Total int `json:"total_count"`
		}
		if err := r.Call(ctx, http.MethodGet, "/issues.json?"+q.Encode(), nil, &reply); err != nil {
			return nil, err
		}
		for _, i := range reply.Issues {
			issue := Issue{ID: i.ID, Subject: i.Subject, Description: i.Description}
			for _, f := range i.Fields {
				value, _ := f.Value.(string)
				switch f.ID {
				case r.MarkerField:
					issue.Marker = value
				case r.LinkField:
					issue.Link = value
				}
			}
			all = append(all, issue)
		}
		if len(all) >= reply.Total || len(reply.Issues) == 0 {
			return all, nil
		}
	}
}
