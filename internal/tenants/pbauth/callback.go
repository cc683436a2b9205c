package pbauth

import (
	"html/template"
	"net/http"
	"strings"
)

// maxCode bounds a code that is shown, in bytes.
const maxCode = 2000

// page is shown to a browser that comes back from Productboard.
const page = `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="robots" content="noindex"><title>Productboard</title>
{{if .Code}}<h1>Productboard agreed</h1>
<p>Go back to where you began and finish there with this code, within a minute:</p>
<p><code>{{.Code}}</code></p>
<p>If you did not begin this yourself, close this page and give the code to nobody.</p>
{{else}}<h1>Not connected</h1><p>{{.Problem}}</p>{{end}}</html>
`

// Callback is the page that Productboard sends the browser back to. A browser
// that was sent here proves nothing about who it is. So the page changes
// nothing, reads nothing that is stored, and does not say whether a state is
// known. It shows the code to whoever gave the consent.
func Callback() http.Handler {
	t := template.Must(template.New("callback").Parse(page))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		var page struct{ Code, Problem string }
		switch code := q.Get("code"); {
		case q.Get("error") == "access_denied":
			page.Problem = "The access was refused in Productboard."
		case code == "" || len(code) > maxCode || q.Get("error") != "" || strings.ContainsFunc(code, func(r rune) bool { return r <= ' ' || r > '~' }):
			page.Problem = "Productboard did not send a code. Begin again; if this does not pass, ask the plugin's operator to check the OAuth application."
		default:
			page.Code = code
		}
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		if page.Code == "" {
			w.WriteHeader(http.StatusBadRequest)
		}
		_ = t.Execute(w, page) // the browser has gone
	})
}
