package server

import (
	"net/http"
	"testing"
)

// BenchmarkAction is a push from request to answer, with everything but Redis.
func BenchmarkAction(b *testing.B) {
	h, body := front(clicks{}), notification("button.push")
	b.ReportAllocs()
	for b.Loop() {
		if rec := call(b, h, http.MethodPost, "/actions/"+id, "Bearer s3cret", body); rec.Code != http.StatusOK {
			b.Fatal(rec.Code, rec.Body)
		}
	}
}
