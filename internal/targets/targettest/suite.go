// Package targettest is the conformance suite of the trackers: what every
// driver must do, asked of it over real HTTP against its fake or the real
// server. Between the two stands a Proxy that misbehaves, so that no fake has
// to know how.
//
// What must not live here: anything that holds for one tracker only.
package targettest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/richtext"
	"pushbutton/internal/secret"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
)

// Harness describes an adapter to the suite.
type Harness struct {
	Kind targets.Kind
	// Start returns a tracker with two accounts and no issues. It is called
	// once per case and cleans up with t.Cleanup.
	Start func(t *testing.T) Server
	// Creates reports whether a request creates an issue.
	Creates func(*http.Request) bool
	// Reads, if set, reports whether a request changes nothing, where the method
	// does not say so (GraphQL). Default: the function Reads.
	Reads func(*http.Request) bool
	// Kinds overrides what a create's HTTP status means, where the tracker
	// differs from outbound.FromStatus.
	Kinds map[int]fault.Kind
	// KindsRetryAfter is the same for a reply that has a Retry-After; what it
	// does not name is as Kinds says.
	KindsRetryAfter map[int]fault.Kind
	// Wrong has credentials that are well formed and still wrong, where the
	// suite's own wrong one would be refused without asking the tracker.
	Wrong map[string]secret.String

	// Watch, if set, takes the server's address and returns one that leads there.
	// It looks at every exchange, and fails the test for what is wrong.
	Watch func(t *testing.T, url string) string
}

// Server is one running tracker.
type Server struct {
	// URL is its root; the suite puts a proxy's address in its place.
	URL string
	// Mine and Other must not see each other's issues.
	Mine, Other Account
	// WrongProject, if set, names a project that does not exist.
	WrongProject func(url string) map[string]any
	// Issues lists, from the server's own books, what Mine's project holds
	// with a marker, or at all for "".
	Issues func(t *testing.T, marker targets.Marker) []StoredIssue
	// SetLag, if set, makes look-ups miss new issues for as long as the
	// driver's Traits.Consistency allows.
	SetLag func(t *testing.T)
	// SetTextLimit, if set, lets the server take no longer descriptions, as its
	// admin can.
	SetTextLimit func(t *testing.T, most int)
	// References, if set, finds what the tracker reads in a title: whom it
	// notifies, and where it writes a reference back. Nil: titles are plain text.
	References func(title string) []string
	// SetPublic, if set, lets everybody read Mine's project.
	SetPublic func(t *testing.T)
	// Fates has what can become of an issue and its place.
	Fates Fates
	// Hooks, if set, lists the webhooks of Mine's project from the server's own books.
	Hooks func(t *testing.T) []StoredHook
	// SendHook, if set, changes an issue, and returns the request by which the server
	// tells that, signed with the secret. The request's body can be read.
	SendHook func(t *testing.T, id string, signing secret.String) *http.Request
}

// Fates makes things happen to Mine's issues, project and credential, as the
// real tracker would show them afterwards. A nil one needs its reason in Never.
type Fates struct {
	// Delete deletes an issue for good.
	Delete func(t *testing.T, id string)
	// Trash throws an issue away so that people can restore it.
	Trash func(t *testing.T, id string)
	// Move returns an issue a new key, address or both.
	Move func(t *testing.T, id string)
	// Hide keeps an issue from Mine's account; its project stays readable.
	Hide func(t *testing.T, id string)
	// EndToken ends Mine's credential, by date or by revocation.
	EndToken func(t *testing.T)
	// LoseProject takes Mine's account out of the project.
	LoseProject func(t *testing.T)
	// DisableIssues switches issues off in Mine's project.
	DisableIssues func(t *testing.T)
	// Never says, by the field's name, why the tracker knows no such thing.
	Never map[string]string
	// Wordless is set for a tracker whose own "no such issue" has no body.
	Wordless bool
	// DeletedLooksHidden is set for a tracker that says the same of a deleted and
	// of a hidden issue, and has no way to tell them apart: both are hidden.
	DeletedLooksHidden bool
}

// Account is a project and the credentials for it.
type Account struct {
	Settings    func(url string) map[string]any
	Credentials map[string]secret.String
}

// StoredIssue is an issue as the server keeps it.
type StoredIssue struct{ ID, Title, Text string }

// Run runs the whole suite. It must not run in parallel to other tests: it
// listens to the default logger.
func Run(t *testing.T, h Harness) {
	t.Helper()
	for _, c := range []struct {
		name string
		run  func(*testing.T, *bench)
	}{
		{"check", testCheck},
		{"check of wrong credentials", testCheckWrongCredentials},
		{"check of a wrong project", testCheckWrongProject},
		{"create then find", testCreateFind},
		{"preview", testPreview},
		{"who clicked, in public", testPublic},
		{"characters that a database cannot store", testBMPOnly},
		{"look-up as declared", testLookup},
		{"find of nothing", testFindNothing},
		{"look-up lag as declared", testLag},
		{"duplicates", testDuplicates},
		{"every status of a create", testStatuses},
		{"every status of a look-up", testFindStatuses},
		{"unknown outcomes", testUnknown},
		{"refused before anything was made", testNotDone},
		{"an answer of 4 MiB of empty objects", testBombs},
		{"reads before a create fail", testFailedReads},
		{"redirect is not followed", testRedirect},
		{"cancel in mid-request", testCancel},
		{"server too slow", testTooSlow},
		{"secrets stay secret", testSecrets},
		{"tenants are apart", testIsolation},
		{"texts of the world", testTexts},
		{"long texts", testLongText},
		{"a lower limit of texts", testTextLimit},
		{"a lower limit of requests", testRequestLimit},
		{"titles are cut", testTitleCut},
		{"titles refer to nothing", testTitleReferences},
		{"hostile words", testHostileWords},
		{"hostile ids", testHostileIDs},
		{"many at once", testConcurrency},
		{"read", testRead},
		{"read many", testReadMany},
		{"read many of every fate", testReadManyFates},
		{"read a thousand", testReadThousand},
		{"resolve", testResolve},
		{"comment", testComment},
		{"close", testClose},
		{"every fate is known", testFates},
		{"verdict of a deleted issue", testDeleted},
		{"verdict of a trashed issue", testTrashed},
		{"verdict of a moved issue", testMoved},
		{"verdict of a hidden issue", testHidden},
		{"verdict of an ended token", testEndedToken},
		{"verdict of a lost project", testLostProject},
		{"verdict of disabled issues", testDisabledIssues},
		{"verdict of an intermediary", testIntermediary},
		{"register a webhook", testRegisterHook},
		{"register a webhook after a failure", testRegisterHookFails},
		{"webhook that the server sends", testSentHook},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, newBench(t, h)) })
	}
}

// bench is one case's set-up. Whatever its targets return and log is searched
// for credentials at the end.
type bench struct {
	h      Harness
	server Server
	proxy  *Proxy
	http   *outbound.Client

	mu   sync.Mutex
	seen []error
	logs bytes.Buffer
}

// withoutBreaks returns a stored title without the invisible breaks, which
// only a tracker that reads titles may get.
func (b *bench) withoutBreaks(title string) string {
	if b.server.References == nil {
		return title
	}
	return strings.ReplaceAll(title, "\u200b", "")
}

func newBench(t *testing.T, h Harness) *bench {
	t.Helper()
	b := &bench{h: h, server: h.Start(t)}
	if h.Watch != nil {
		b.server.URL = h.Watch(t, b.server.URL)
	}
	b.proxy = NewProxy(t, b.server.URL)
	b.http = Client(t)
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(lockedWriter{b}, &slog.HandlerOptions{Level: slog.LevelDebug})))
	t.Cleanup(func() {
		slog.SetDefault(before)
		b.assertNoSecrets(t)
	})
	return b
}

type lockedWriter struct{ b *bench }

func (w lockedWriter) Write(p []byte) (int, error) {
	w.b.mu.Lock()
	defer w.b.mu.Unlock()
	return w.b.logs.Write(p)
}

// open makes a target that speaks through the proxy.
func (b *bench) open(t *testing.T, a Account, change ...func(*targets.Deps)) *targets.Target {
	t.Helper()
	deps := targets.Deps{HTTP: b.http, Observe: func(o targets.Observation) {
		b.mu.Lock()
		defer b.mu.Unlock()
		if o.Err != nil {
			b.seen = append(b.seen, o.Err)
		}
	}}
	for _, c := range change {
		c(&deps)
	}
	target, err := b.h.Kind.Open(a.Settings(b.proxy.URL), a.Credentials, deps)
	require.NoError(t, err)
	return target
}

// needsFind skips a case, or what is left of it, for a target without any
// look-up.
func (b *bench) needsFind(t *testing.T) {
	t.Helper()
	if !finds(b.open(t, b.server.Mine)) {
		t.Skip("this target has no look-up")
	}
}

// finds reports whether a target has a look-up.
func finds(target *targets.Target) bool { return target.Traits().Lookup != targets.LookupNone }

// mine opens the usual target, and lets it look up what it needs before the
// faults begin.
func (b *bench) mine(t *testing.T, change ...func(*targets.Deps)) *targets.Target {
	t.Helper()
	target := b.open(t, b.server.Mine, change...)
	require.NoError(t, target.Check(t.Context()))
	return target
}

func (b *bench) assertNoSecrets(t *testing.T) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	texts := []string{b.logs.String()}
	for _, err := range b.seen {
		e := fault.From(err)
		raw, _ := json.Marshal(e)
		texts = append(texts, err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err), e.Public, e.Ref, string(raw))
	}
	for _, a := range []Account{b.server.Mine, b.server.Other} {
		for field, s := range a.Credentials {
			for _, text := range texts {
				if strings.Contains(text, s.Reveal()) {
					t.Errorf("credential %s stands in: %s", field, strings.ReplaceAll(text, s.Reveal(), "<HERE>"))
				}
			}
		}
	}
}

func newMarker() targets.Marker {
	return targets.NewMarker("suite", uuid.NewString(), 1)
}

func newDraft() targets.Draft {
	return targets.Draft{Marker: newMarker(), Title: "A wish", Description: richtext.Paragraph(richtext.Text("As they said.")),
		Link: "https://example.productboard.com/feature/1", Labels: []string{"wish"}, Reporter: "Jane Doe <jane@example.com>"}
}

// find looks a marker up for as long as the driver says it may take.
func find(t *testing.T, target *targets.Target, marker targets.Marker) *targets.Issue {
	t.Helper()
	lag := target.Traits().Consistency
	if lag == 0 {
		found, err := target.Find(t.Context(), marker)
		require.NoError(t, err)
		return found
	}
	var found *targets.Issue
	require.Eventually(t, func() bool {
		var err error
		found, err = target.Find(context.Background(), marker)
		return err == nil && found != nil
	}, 2*lag+5*time.Second, 50*time.Millisecond, "within the lag that Traits declares")
	return found
}

// assertPublic checks the sentence for the person who clicked.
func assertPublic(t *testing.T, target *targets.Target, err error) {
	t.Helper()
	e := fault.From(err)
	require.NotEmpty(t, e.Op)
	require.NotEmpty(t, e.Side)
	require.LessOrEqual(t, utf8.RuneCountInString(e.Public), text.MaxPublic, e.Public)
	require.Contains(t, e.Public, target.Traits().Name, "the sentence names the side")
	require.NotContains(t, e.Public, "\n")
}
