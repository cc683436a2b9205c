package pbapi

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/proof/boundtest"
	"pushbutton/internal/secret"
)

// FuzzReply reads any body as every kind of reply: nothing panics, and a
// reply is either usable or a fault.
func FuzzReply(f *testing.F) {
	for _, seed := range []string{
		``, `null`, `{"data":{"id":"a","type":"feature","fields":{"tags":[{"name":"t"}],"x":{"value":1}}}}`,
		`{"data":[{"id":"a","fields":{"connection":{"state":"error"}}}],"links":{"next":"https://x/?pageCursor=c"}}`,
		`{"id":"r","errors":[{"code":"c","title":"t","detail":"d","source":{"pointer":"/data"}}]}`, `{"errors":[null]}`, `{"data":[],"links":{"next":":"}}`,
	} {
		f.Add(seed)
	}
	for _, text := range boundtest.JSON() {
		f.Add(text)
	}
	f.Add(boundtest.Fill(`{"data":{"id":"a","type":"feature","fields":{"tags":[`, `{"name":"t"},`, `{}]}}}`))
	f.Add(boundtest.Fill(`{"data":[`, `{},`, `{}]}`))
	f.Add(boundtest.Fill(`{"errors":[`, `{},`, `{"detail":"d"}]}`))
	f.Add(boundtest.Fill(`{"errors":[{"detail":"`, `\u003c`, `"}]}`))
	f.Fuzz(func(t *testing.T, body string) {
		reply := outbound.Reply{Status: 200, Body: []byte(body)}
		boundtest.Memory(t, len(body), boundtest.Limit{Base: 128 << 10, PerByte: 800}, func() {
			var entity resource[wireEntity]
			if decode(reply, &entity) == nil {
				e := entity.Data.entity()
				if e.ID == "" {
					t.Error("an entity without an id")
				}
				for id := range e.Fields {
					e.Text(id)
				}
				_, _, _ = e.Owner(), e.Tags(), e.Description()
			}
			var list page[wireConnection]
			if decode(reply, &list) == nil {
				if _, err := list.cursor(); err != nil {
					t.Error("a page that does not say what follows")
				}
			}
			_ = decode(reply, new(resource[Configuration]))
			_ = decode(reply, new(page[Relationship]))
		})

		var verdict *fault.Error
		boundtest.Memory(t, len(body), boundtest.Limit{Base: 64 << 10, PerByte: 200}, func() {
			verdict = refine(outbound.Reply{Status: 422, Body: reply.Body}, &fault.Error{Kind: fault.Invalid, Err: fault.Invalid}, nil)
		})
		if len(verdict.Public) > MaxMessage || !utf8.ValidString(verdict.Public) {
			t.Errorf("not fit for a button: %q", verdict.Public)
		}
	})
}

// FuzzErrorTexts puts any texts into an error body, with the token among them.
func FuzzErrorTexts(f *testing.F) {
	f.Add("req-1", "auth.accessDenied", "You may not.", "/data/fields/name")
	f.Add("", "", boundtest.Fill("", "a-token-that-is-secre", ""), "")
	f.Add(boundtest.Fill("", "\x00", ""), "", "", "")
	f.Fuzz(func(t *testing.T, id, code, detail, pointer string) {
		const hidden = "a-token-that-is-secret"
		body, err := json.Marshal(ErrorBody{ID: id + hidden, Errors: []ErrorEntry{{Code: hidden + code, Detail: detail + hidden + detail, Source: &ErrorSource{Pointer: hidden + pointer}}}})
		if err != nil {
			t.Skip()
		}
		var verdict *fault.Error
		boundtest.Memory(t, len(body), boundtest.Limit{Base: 64 << 10, PerByte: 12}, func() {
			verdict = refine(outbound.Reply{Status: 422, Body: body}, &fault.Error{Kind: fault.Invalid, Err: fault.Invalid}, []secret.String{secret.New(hidden)})
		})
		for _, text := range []string{verdict.Error(), verdict.Public, verdict.Ref} {
			if strings.Contains(text, hidden) {
				t.Errorf("the token is in %q", text)
			}
			if len(text) > 2000 || !utf8.ValidString(text) {
				t.Errorf("not fit for a log: %q", text)
			}
		}
		if len(verdict.Public) > MaxMessage {
			t.Errorf("not fit for a button: %q", verdict.Public)
		}
	})
}
