package memtarget

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"pushbutton/internal/secret"
)

// Outage is what befalls a whole project.
type Outage struct {
	// Lost takes the project away from its keys, which stay good for others.
	Lost bool `json:"lost,omitempty"`
	// Ended makes the project's keys unknown, everywhere.
	Ended bool `json:"ended,omitempty"`
	// Foreign has something in front of the tracker answer with a page that says 404.
	Foreign bool `json:"foreign,omitempty"`
	// ForMS is when it ends by itself, in milliseconds from now; 0: never.
	ForMS int `json:"forMs,omitempty"`
}

// outage is an Outage and its end; the zero time means none.
type outage struct {
	Outage
	ends time.Time
}

// SetOutage replaces what befalls a project; the zero value ends it.
func (t *Tracker) SetOutage(name string, o Outage) error {
	if o.ForMS < 0 || time.Duration(o.ForMS)*time.Millisecond > maxOutage {
		return fmt.Errorf("forMs must be 0 to %d", maxOutage.Milliseconds())
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.projects[name]
	if p == nil {
		return errNoProject
	}
	p.outage = outage{Outage: o}
	if o.ForMS > 0 {
		p.outage.ends = t.now().Add(time.Duration(o.ForMS) * time.Millisecond)
	}
	return nil
}

const maxOutage = time.Hour

// suffers returns what befalls a project now. It needs the lock.
func (t *Tracker) suffers(p *project) Outage {
	if p == nil || !p.outage.ends.IsZero() && !t.now().Before(p.outage.ends) {
		return Outage{}
	}
	return p.outage.Outage
}

// opens reports whether a key is one of the project's.
func (p *project) opens(key string) bool {
	return slices.ContainsFunc(p.keys, func(have secret.String) bool { return have.Equal(key) })
}

// access reports whether a key is known at all, and whether it opens a project.
func (t *Tracker) access(name, key string) (known, opens bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for n, p := range t.projects {
		if !p.opens(key) {
			continue
		}
		now := t.suffers(p)
		if now.Ended {
			return false, false
		}
		known = true
		opens = opens || n == name && !now.Lost
	}
	return known, opens
}

// foreign answers in the tracker's place while something else stands in front of
// a project.
func (t *Tracker) foreign(w http.ResponseWriter, name string) bool {
	t.mu.RLock()
	struck := t.suffers(t.projects[name]).Foreign
	t.mu.RUnlock()
	if struck {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, "<html>\r\n<head><title>404 Not Found</title></head>\r\n<body>\r\n<center><h1>404 Not Found</h1></center>\r\n<hr><center>ingress</center>\r\n</body>\r\n</html>\r\n")
	}
	return struck
}
