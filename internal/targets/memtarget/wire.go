package memtarget

import (
	"context"
	"net/http"
	"net/url"

	"github.com/google/uuid"

	"pushbutton/internal/outbound"
	"pushbutton/internal/targets/wire"
)

// The API's JSON, shared by the handler and the driver.

// send speaks with the project's part of the API; out may be nil.
func (d *driver) send(ctx context.Context, op, method, path string, body, out any) error {
	answer := wire.Answer{Into: out, Bound: outbound.Items(100).WithTexts(1, maxDescription)}
	call, err := wire.JSONCall(op, method, d.cfg.url+"/api/projects/"+url.PathEscape(d.cfg.project)+path, body, answer)
	if err != nil {
		return err
	}
	call.Header.Set(headerKey, d.cfg.key.Reveal())
	call.Header.Set(headerRequestID, uuid.NewString())
	call.Refine = d.refine
	got, err := d.http.Send(ctx, call)
	if method == http.MethodGet {
		return wire.EndRead(op, err, stranger)
	}
	return wire.EndWrite(op, got, err, out)
}

const (
	headerKey       = "X-API-Key"
	headerRequestID = "X-Request-Id"
)

type newIssue struct {
	Marker      string   `json:"marker"`
	Title       string   `json:"title"`
	Description string   `json:"description,omitempty"`
	Link        string   `json:"link,omitempty"`
	Labels      []string `json:"labels,omitempty"`
	Reporter    string   `json:"reporter,omitempty"`
}

type projectInfo struct {
	Key string `json:"key"`
}

type issueList struct {
	Issues []Record `json:"issues"`
}

type newStatus struct {
	Status string `json:"status"`
}

type newTitle struct {
	Title string `json:"title"`
}

type newProject struct {
	Project string `json:"project"`
}

type newTrashed struct {
	Trashed bool `json:"trashed"`
}

type newHidden struct {
	Hidden bool `json:"hidden"`
}

type newComment struct {
	Text string `json:"text"`
}

type failure struct {
	Errors []string `json:"errors"`
}
