package stage

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"pushbutton/internal/targets/memtarget"
)

// TrackerURL is the setting url of the sandbox' in-memory tracker.
func (s *Sandbox) TrackerURL() string { return s.URL + "/tracker" }

// AddProject makes a project of the in-memory tracker, or gives it a further
// key.
func (s *Sandbox) AddProject(ctx context.Context, project, key string) error {
	return s.tracker(ctx, http.MethodPut, "/projects/"+url.PathEscape(project), map[string]string{"apiKey": key}, nil)
}

// SetTrackerFaults replaces what the in-memory tracker does wrong; the zero
// value ends it.
func (s *Sandbox) SetTrackerFaults(ctx context.Context, f memtarget.Faults) error {
	return s.tracker(ctx, http.MethodPut, "/faults", f, nil)
}

// Books lists every create that the in-memory tracker ever carried out, in
// their order.
func (s *Sandbox) Books(ctx context.Context) ([]memtarget.Entry, error) {
	var all []memtarget.Entry
	for {
		var page struct{ Entries []memtarget.Entry }
		if err := s.tracker(ctx, http.MethodGet, fmt.Sprintf("/books?after=%d", len(all)), nil, &page); err != nil {
			return nil, err
		}
		if len(page.Entries) == 0 {
			return all, nil
		}
		all = append(all, page.Entries...)
	}
}

// Issues lists the issues of a project of the in-memory tracker, newest
// first, at most 10,000.
func (s *Sandbox) Issues(ctx context.Context, project string) ([]memtarget.Record, error) {
	var list struct{ Issues []memtarget.Record }
	err := s.tracker(ctx, http.MethodGet, "/issues?"+url.Values{"project": {project}}.Encode(), nil, &list)
	return list.Issues, err
}

func (s *Sandbox) tracker(ctx context.Context, method, path string, in, out any) error {
	return call(ctx, method, s.TrackerURL()+"/control"+path, nil, in, out)
}
