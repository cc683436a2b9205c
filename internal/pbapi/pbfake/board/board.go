// Package board is what a person sees of the simulators. It has a board of
// Productboard's entities with a column per integration, drawn as users see it.
// It has switches for the faults, a log of what happens, and pages of the
// tracker that stands behind the plugin.
//
// The board is a static page that talks to the simulator's control API and
// follows its events; the other pages are rendered here. Nothing is loaded
// from elsewhere, and all texts are somebody else's: the board writes text
// nodes only, and rich text is sanitised before it is shown.
//
// For tests that drive a browser the board has stable attributes. A cell has
// data-entity, data-integration, data-state (initial, progress, connected,
// error) and data-waiting (clicks that are not answered yet). The buttons in it
// have data-action (push, open, unlink, show-error), and those of the pop-up
// dismiss and retry. A fault's row has data-fault.
//
// What must not live here: the simulation itself (pbfake, memtarget), and
// anything that the plugin needs in production.
package board

import (
	"bytes"
	"embed"
	"html/template"
	"io/fs"
	"net/http"

	"pushbutton/internal/pbapi/pbfake"
)

// Prefix is where the pages are served; they link to each other by it.
const Prefix = "/sandbox"

// contentPolicy allows what the pages bring along themselves.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

//go:embed assets
var assets embed.FS

//go:embed templates/*.html
var templateFiles embed.FS

// pages is the room's handler.
type pages struct {
	fake      *pbfake.Fake
	tracker   Tracker
	templates *template.Template
	render    renderer
}

// New makes the handler of everything below /sandbox, the simulator's control
// API included. tracker may be nil: then there are no pages of it.
func New(fake *pbfake.Fake, tracker Tracker) http.Handler {
	p := &pages{fake: fake, tracker: tracker, render: newRenderer(),
		templates: template.Must(template.ParseFS(templateFiles, "templates/*.html"))}
	mux := http.NewServeMux()
	mux.Handle(pbfake.ControlPrefix+"/", fake.Control())
	mux.HandleFunc("GET "+Prefix, p.board)
	mux.HandleFunc("GET "+Prefix+"/{$}", p.board)
	mux.HandleFunc("GET "+Prefix+"/detail/{ref}", p.entity)
	static, _ := fs.Sub(assets, "assets") // "assets" is a valid path: cannot fail
	mux.Handle("GET "+Prefix+"/assets/", http.StripPrefix(Prefix+"/assets/", http.FileServerFS(static)))
	if tracker != nil {
		mux.HandleFunc("GET "+Prefix+"/tracker", p.issues)
		mux.HandleFunc("GET "+Prefix+"/tracker/{$}", p.issues)
		mux.HandleFunc("GET "+Prefix+"/tracker/issues/{id}", p.issue)
		mux.HandleFunc("GET "+Prefix+"/tracker/hooks", p.hooks)
		mux.Handle("POST "+Prefix+"/tracker/hooks/{change}", http.NewCrossOriginProtection().Handler(http.HandlerFunc(p.changeHooks)))
		mux.Handle("POST "+Prefix+"/tracker/issues/{id}/{change}", http.NewCrossOriginProtection().Handler(http.HandlerFunc(p.changeIssue)))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { p.notFound(w, "There is no such page.") })
	return secured(mux)
}

func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store") // the pages change with the program
		next.ServeHTTP(w, r)
	})
}

// board is the static page; its script asks for the rest.
func (p *pages) board(w http.ResponseWriter, _ *http.Request) {
	p.show(w, http.StatusOK, "board.html", nil)
}

func (p *pages) notFound(w http.ResponseWriter, text string) {
	p.show(w, http.StatusNotFound, "message.html", struct{ Title, Text string }{"Not found", text})
}

// view is the data of a template.
type view struct {
	Tracker bool // there are pages of a tracker
	Data    any
}

// show renders a page whole before it sends anything.
func (p *pages) show(w http.ResponseWriter, status int, name string, data any) {
	var page bytes.Buffer
	if err := p.templates.ExecuteTemplate(&page, name, view{p.tracker != nil, data}); err != nil {
		http.Error(w, "the page cannot be shown", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = page.WriteTo(w)
}
