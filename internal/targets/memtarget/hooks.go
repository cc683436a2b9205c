package memtarget

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"pushbutton/internal/secret"
)

// Limits of webhooks.
const (
	maxHooks   = 20   // of a project
	maxAddress = 2000 // bytes
)

var (
	errNoHook       = errors.New("no such hook")
	errManyHooks    = fmt.Errorf("more than %d hooks", maxHooks)
	errBadAddress   = fmt.Errorf("url must be an http or https address of at most %d bytes", maxAddress)
	errNoHookSecret = fmt.Errorf("secret must have 1 to %d bytes", maxName)
)

// Hook is a webhook of a project.
type Hook struct {
	ID      string `json:"id"`
	Project string `json:"project"`
	URL     string `json:"url"`
	Active  bool   `json:"active"`
	// Secret is what its deliveries are signed with. No answer tells it.
	Secret secret.String `json:"-"`
}

type hookList struct {
	Hooks []Hook `json:"hooks"`
}

// hookFields are what a client says of a hook; absent ones stay as they are.
type hookFields struct {
	URL    *string `json:"url,omitempty"`
	Secret *string `json:"secret,omitempty"`
	Active *bool   `json:"active,omitempty"`
}

// Hooks lists a project's webhooks, or those of all for "", oldest first.
func (t *Tracker) Hooks(name string) []Hook {
	t.mu.RLock()
	defer t.mu.RUnlock()
	out := []Hook{}
	for n, p := range t.projects {
		if name == "" || n == name {
			out = append(out, p.hooks...)
		}
	}
	slices.SortFunc(out, func(a, b Hook) int { return number(a.ID) - number(b.ID) })
	return out
}

func number(id string) int {
	n, _ := strconv.Atoi(id) // the tracker made it
	return n
}

// putHook makes a hook for an empty id, and else changes it.
func (t *Tracker) putHook(name, id string, in hookFields) (Hook, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.projects[name]
	if p == nil {
		return Hook{}, errNoProject
	}
	h, at := Hook{Project: name, Active: true}, p.hookAt(id)
	switch {
	case id != "" && at < 0:
		return Hook{}, errNoHook
	case id != "":
		h = p.hooks[at]
	case len(p.hooks) >= maxHooks:
		return Hook{}, errManyHooks
	}
	if err := h.apply(in); err != nil {
		return Hook{}, err
	}
	if id == "" {
		t.hooksMade++
		h.ID = strconv.Itoa(t.hooksMade)
		p.hooks = append(p.hooks, h)
	} else {
		p.hooks[at] = h
	}
	return h, nil
}

func (h *Hook) apply(in hookFields) error {
	if in.URL != nil {
		h.URL = *in.URL
	}
	if in.Secret != nil {
		h.Secret = secret.New(*in.Secret)
	}
	if in.Active != nil {
		h.Active = *in.Active
	}
	u, err := url.Parse(h.URL)
	switch {
	case err != nil, len(h.URL) > maxAddress, u.Host == "", u.Scheme != "http" && u.Scheme != "https":
		return errBadAddress
	case h.Secret.Empty(), len(h.Secret.Reveal()) > maxName:
		return errNoHookSecret
	}
	return nil
}

func (t *Tracker) deleteHook(name, id string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.projects[name]
	if p == nil {
		return errNoProject
	}
	at := p.hookAt(id)
	if at < 0 {
		return errNoHook
	}
	p.hooks = slices.Delete(p.hooks, at, at+1)
	return nil
}

func (p *project) hookAt(id string) int {
	return slices.IndexFunc(p.hooks, func(h Hook) bool { return h.ID == id })
}

func (t *Tracker) listHooks(w http.ResponseWriter, r *http.Request) {
	reply(w, http.StatusOK, hookList{Hooks: t.Hooks(r.PathValue("project"))})
}

// writeHook makes a hook, or changes the one that the path names.
func (t *Tracker) writeHook(w http.ResponseWriter, r *http.Request) {
	var in hookFields
	if !read(w, r, &in) {
		return
	}
	id, status := r.PathValue("id"), http.StatusOK
	if id == "" {
		status = http.StatusCreated
	}
	h, err := t.putHook(r.PathValue("project"), id, in)
	if err != nil {
		refuseHook(w, err)
		return
	}
	reply(w, status, h)
}

func (t *Tracker) removeHook(w http.ResponseWriter, r *http.Request) {
	if err := t.deleteHook(r.PathValue("project"), r.PathValue("id")); err != nil {
		refuseHook(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func refuseHook(w http.ResponseWriter, err error) {
	status := http.StatusUnprocessableEntity
	if errors.Is(err, errNoHook) || errors.Is(err, errNoProject) {
		status = http.StatusNotFound
	}
	refuse(w, status, err.Error())
}
