package httptarget

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"pushbutton/internal/richtext"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/settings"
	"pushbutton/internal/targets/templates"
	"pushbutton/internal/targets/text"
)

// compiler reads a description into a driver, and collects everything that is
// wrong with it under the settings' paths.
type compiler struct {
	env     *env
	headers map[string]string // of every request
	errs    settings.FieldErrors
	// budget is what all templates together may take when they are tried.
	budget *templates.Budget
	spent  bool // and somebody was told
}

func (c *compiler) fail(path, format string, args ...any) {
	c.errs = append(c.errs, settings.FieldError{Path: path, Message: fmt.Sprintf(format, args...)})
}

// path reads a JSONPath; "" is none.
func (c *compiler) path(at, text string) *path {
	if text == "" {
		return nil
	}
	p, err := c.env.parsePath(text)
	if err != nil {
		c.fail(at, "%s", err)
	}
	return p
}

// request is one request of a description.
type request struct {
	setting     string // where it is described
	op          string
	method      string
	url         *address
	headers     []header
	body        *tmpl
	contentType string
	json        bool // the body must be JSON

	expect, refuse, missing, at *path
	says                        string
}

type header struct {
	name  string
	value *tmpl
}

// request reads one; samples are what its templates are tried with.
func (c *compiler) request(at, op string, v settings.Values, samples ...any) *request {
	if v == nil {
		return nil
	}
	r := &request{setting: at, op: op, method: v.String(reqMethod), says: v.String(reqSays),
		expect: c.path(at+"."+reqExpect, v.String(reqExpect)), refuse: c.path(at+"."+reqRefuse, v.String(reqRefuse)),
		missing: c.path(at+"."+reqMissing, v.String(reqMissing)), at: c.path(at+"."+reqAt, v.String(reqAt))}
	var err error
	if r.url, err = c.env.parseAddress(v.String(reqURL)); err != nil {
		c.fail(at+"."+reqURL, "%s", err)
	}
	r.headers = c.readHeaders(at+"."+setHeaders, v.Map(setHeaders))
	c.readBody(at, r, v)
	if r.url == nil || r.body == nil {
		return r
	}
	for _, sample := range samples {
		before := len(c.errs)
		if c.try(r, sample); len(c.errs) > before {
			break // the others would say the same
		}
	}
	return r
}

// readHeaders reads a request's headers over those of all.
func (c *compiler) readHeaders(at string, own map[string]string) []header {
	all := map[string]string{}
	for name, value := range c.headers {
		all[http.CanonicalHeaderKey(name)] = value
	}
	for name, value := range own {
		all[http.CanonicalHeaderKey(name)] = value
	}
	var out []header
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if wrong := forbiddenHeader(name); wrong != "" {
			c.fail(at+"."+name, "%s", wrong)
			continue
		}
		t, err := c.env.parse(all[name], useHeader)
		if err != nil {
			c.fail(at+"."+name, "%s", err)
			continue
		}
		out = append(out, header{name, t})
	}
	return out
}

func forbiddenHeader(name string) string {
	switch name {
	case "Host", "Content-Length", "Transfer-Encoding", "Connection", "Trailer", "Upgrade", "Te", "Expect":
		return "is not for a description to set"
	case "Content-Type":
		return "is set by contentType"
	}
	if !httpguts.ValidHeaderFieldName(name) {
		return "is not the name of a header"
	}
	return ""
}

func (c *compiler) readBody(at string, r *request, v settings.Values) {
	text := v.String(reqBody)
	r.contentType = v.String(reqContentType)
	if r.contentType == "" {
		r.contentType = "application/json"
	}
	media, _, err := mime.ParseMediaType(r.contentType)
	where := useText
	switch {
	case err != nil:
		c.fail(at+"."+reqContentType, "is not a media type")
	case media == "application/json" || strings.HasSuffix(media, "+json"):
		where = useJSON
	case media == "application/x-www-form-urlencoded":
		where = useForm
	case strings.HasSuffix(media, "/xml") || strings.HasSuffix(media, "+xml"):
		where = useXML
	case media != "text/plain":
		c.fail(at+"."+reqContentType, "must be JSON, application/x-www-form-urlencoded, XML or text/plain")
	}
	r.json = where == useJSON
	if r.body, err = c.env.parse(text, where); err != nil {
		c.fail(at+"."+reqBody, "%s", err)
		r.body = nil
	}
}

// try fills a request's templates in, so that what is wrong with them shows
// now.
func (c *compiler) try(r *request, sample any) {
	_, bad := r.fill(c.budget, sample)
	for _, e := range bad {
		c.unworkable(e.setting, e.err)
	}
}

// unworkable reports a template that was tried in vain. When the budget is
// spent, the template that spent the last of it is named, and no other.
func (c *compiler) unworkable(at string, err error) {
	exceeded := (*templates.ExceededError)(nil)
	switch {
	case !errors.As(err, &exceeded):
		c.fail(at, "does not work: %s", templateMessage(err))
	case !c.spent:
		c.spent = true
		c.fail(at, "%s; %s", exceeded, templates.Advice)
	}
}

// templateError says which template cannot be filled in.
type templateError struct {
	setting string
	err     error
}

func (e *templateError) Error() string { return e.err.Error() }

func (e *templateError) Unwrap() error { return e.err }

// filled is a request made of its templates.
type filled struct {
	url, body string
	headers   []string // in the order of request.headers
}

// fill fills all templates of a request in, and returns those that it cannot.
func (r *request) fill(b *templates.Budget, data any) (out filled, bad []*templateError) {
	part := func(setting string, render func(*templates.Budget, any) (string, error)) string {
		text, err := render(b, data)
		if err != nil {
			bad = append(bad, &templateError{r.setting + "." + setting, err})
		}
		return text
	}
	out.url = part(reqURL, r.url.render)
	for _, h := range r.headers {
		out.headers = append(out.headers, part(setHeaders+"."+h.name, h.render))
	}
	out.body = part(reqBody, r.render)
	return out, bad
}

func (h header) render(b *templates.Budget, data any) (string, error) {
	value, err := h.value.run(b, data)
	if err == nil && !httpguts.ValidHeaderFieldValue(value) {
		err = errors.New("it makes a header of more than one line")
	}
	return value, err
}

// render fills the body in.
func (r *request) render(b *templates.Budget, data any) (string, error) {
	body, err := r.body.run(b, data)
	if err == nil && r.json && body != "" && !json.Valid([]byte(body)) {
		err = errors.New("it does not make JSON")
	}
	return body, err
}

// value is a part of an issue: a JSONPath in an answer, or a template.
type value struct {
	path *path
	tmpl interface {
		run(*templates.Budget, any) (string, error)
	}
}

func (c *compiler) value(at, text string, address bool) *value {
	switch {
	case text == "":
		return nil
	case strings.HasPrefix(text, "$"):
		return &value{path: c.path(at, text)}
	case address:
		a, err := c.env.parseAddress(text)
		if err != nil {
			c.fail(at, "%s", err)
			return nil
		}
		if len(secretsOf(a.tmpl)) > 0 { // it stands on the button, for everybody
			c.fail(at, "%s", errSecretPlace)
			return nil
		}
		if _, err := a.render(c.budget, partData{"1", "1", "pb-1"}); err != nil {
			c.unworkable(at, err)
		}
		return &value{tmpl: link{a}}
	default:
		t, err := c.env.parse(text, useText)
		if err != nil {
			c.fail(at, "%s", err)
			return nil
		}
		if _, err := t.run(c.budget, partData{"1", "1", "pb-1"}); err != nil {
			c.unworkable(at, err)
		}
		return &value{tmpl: t}
	}
}

// link is an address for people.
type link struct{ a *address }

func (l link) run(b *templates.Budget, data any) (string, error) { return l.a.render(b, data) }

func (c *compiler) mapping(v settings.Values) mapping {
	const at = "settings." + setIssue
	if v == nil { // whoever receives the push need not answer anything
		v = settings.Values{issueID: "{{.Marker}}", issueKey: "Sent", issueStatus: []string{"Sent"}}
	}
	m := mapping{
		id:    c.value(at+"."+issueID, v.String(issueID), false),
		key:   c.value(at+"."+issueKey, v.String(issueKey), false),
		url:   c.value(at+"."+issueURL, v.String(issueURL), true),
		title: c.path(at+"."+issueTitle, v.String(issueTitle)),
	}
	for i, text := range v.List(issueStatus) {
		m.status = append(m.status, c.value(fmt.Sprintf("%s.%s[%d]", at, issueStatus, i), text, false))
	}
	m.started, m.done = c.tests(at+"."+issueStarted, v.List(issueStarted)), c.tests(at+"."+issueDone, v.List(issueDone))
	m.trashed = c.tests(at+"."+issueTrashed, v.List(issueTrashed))
	if text := v.String(issuePattern); text != "" {
		pattern, err := regexp.Compile("^(?:" + text + ")$")
		if err != nil {
			c.fail(at+"."+issuePattern, "is not a regular expression")
		}
		m.pattern = pattern
	}
	return m
}

// tests reads what a step of progress is known by.
func (c *compiler) tests(at string, texts []string) []test {
	var out []test
	for i, text := range texts {
		t := test{status: text}
		if strings.HasPrefix(text, "$") {
			where := text
			t = test{}
			if before, want, ok := strings.Cut(text, " == "); ok && !strings.Contains(text, "?") {
				where, t.equals = before, want
			}
			t.path = c.path(fmt.Sprintf("%s[%d]", at, i), where)
		}
		out = append(out, t)
	}
	return out
}

func (c *compiler) finder(v settings.Values) *finder {
	if v == nil {
		return nil
	}
	const at = "settings." + setFind
	return &finder{
		request: c.request(at, targets.OpFind, v, findData{Marker: sampleMarker}, findData{Marker: sampleMarker, Cursor: "c=1&x"}),
		list:    c.path(at+"."+findList, v.String(findList)),
		marker:  c.path(at+"."+findMarker, v.String(findMarker)),
		word:    v.String(findMatch) == matchWord,
		sort:    c.path(at+"."+findSort, v.String(findSort)),
		next:    c.path(at+"."+findNext, v.String(findNext)),
		most:    v.Int(findMost),
	}
}

func (c *compiler) manyReads(v settings.Values) *manyReads {
	if v == nil {
		return nil
	}
	const at = "settings." + setReadMany
	m := &manyReads{list: c.path(at+"."+manyList, v.String(manyList)), limit: v.Int(manyLimit)}
	if m.limit < 1 || m.limit > targets.MaxReadMany {
		c.fail(at+"."+manyLimit, "must be from 1 to %d", targets.MaxReadMany)
		return m
	}
	m.request = c.request(at, targets.OpReadMany, v, manyData{[]string{sampleID}}, manyData{slices.Repeat([]string{sampleID}, m.limit)})
	return m
}

func (c *compiler) refusals(v settings.Values) refusals {
	const at = "settings." + setError
	f := refusals{plain: v.Bool(errPlain), gone: v.List(errGone), kinds: v.Map(errKinds), statuses: v.Map(errStatuses),
		code: c.path(at+"."+errCode, v.String(errCode)), when: c.path(at+"."+errWhen, v.String(errWhen)), status: c.path(at+"."+errStatus, v.String(errStatus))}
	for i, text := range v.List(errMessage) {
		f.message = append(f.message, c.path(fmt.Sprintf("%s.%s[%d]", at, errMessage, i), text))
	}
	for status := range f.statuses {
		if n, err := strconv.Atoi(status); err != nil || n < 300 || n > 599 {
			c.fail(at+"."+errStatuses+"."+text.Title(status, 20), "is not a status of a refusal (300 to 599)")
		}
	}
	if retry := v.String(errRetryAfter); strings.HasPrefix(retry, "$") {
		f.retryPath = c.path(at+"."+errRetryAfter, retry)
	} else {
		f.retryHeader = retry
	}
	return f
}

func markdownOptions(v settings.Values) richtext.MarkdownOptions {
	return richtext.MarkdownOptions{BreakMentions: v.Bool(mdMentions), BreakReferences: v.String(mdReferences), BreakClosing: v.Bool(mdClosing),
		EscapeCommands: v.Bool(mdCommands), BreakRedmine: v.Bool(mdRedmine), NoHTML: v.Bool(mdNoHTML)}
}
