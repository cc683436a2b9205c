package redmine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

const keyAccount = "the API key's account"

// errWordless is the cause of a 404 without a body, which is how Redmine says
// that it has no such thing.
var errWordless = errors.New("HTTP status 404 without a body")

// apiError keeps the sentences of a 422.
type apiError struct{ sentences []string }

func (e *apiError) Error() string { return "refused: " + strings.Join(e.sentences, "; ") }

func readSentences(body []byte) []string {
	var r errorsReply
	if json.Unmarshal(body, &r) != nil {
		return nil
	}
	return r.Errors
}

func refusal(sentences []string) string {
	const advice = ". Ask your admin to change that in Redmine or in the integration's settings."
	what := text.Title(strings.Join(sentences, ", "), text.MaxPublic-len("Redmine: ")-len(advice))
	return "Redmine: " + strings.TrimRight(what, ".") + advice
}

// sentencesOf returns the sentences of a 422 that is somewhere in err.
func sentencesOf(err error) ([]string, bool) {
	if apiErr, ok := errors.AsType[*apiError](err); ok {
		return apiErr.sentences, true
	}
	return nil, false
}

// refine turns what Redmine says of a failure into a sentence. 400, 401, 403
// and 404 have empty bodies; 422 lists localised sentences.
func (c client) refine(r outbound.Reply, verdict *fault.Error) *fault.Error {
	if verdict == nil {
		return nil
	}
	if e := wire.Foreign(name, r, ownWords(r.Body)); e != nil {
		return e
	}
	verdict.Ref = r.Header.Get("X-Request-Id")
	switch {
	case r.Status == http.StatusUnauthorized:
		verdict.Public = "Redmine refused the API key. Ask your admin to renew it in the integration's settings, and to see that REST is on in Redmine (Administration > Settings > API)."
	case r.Status == http.StatusForbidden:
		verdict.Public = fmt.Sprintf("Redmine does not allow this to the API key's account in project %q. Ask a Redmine admin to give it a role there that may view, add and edit issues.", c.cfg.project)
	case r.Status == http.StatusNotFound && len(r.Body) == 0:
		verdict.Err = errWordless
	case r.Status == http.StatusUnprocessableEntity:
		if sentences := readSentences(r.Body); len(sentences) > 0 {
			verdict.Err = &apiError{sentences: sentences}
			verdict.Public = refusal(sentences)
		}
	case r.Status >= 300 && r.Status < 400:
		verdict.Public = "Redmine's address leads elsewhere. Ask your admin to check settings.url (https? a login page in front of it?)."
	}
	return verdict
}

// ownWords reports whether a refusal's body is Redmine's: a list of errors, or
// what Rails writes when a request fails.
func ownWords(body []byte) bool {
	var reply struct {
		Errors []string `json:"errors"`
		Status int      `json:"status"`
		Error  string   `json:"error"`
	}
	if json.Unmarshal(body, &reply) == nil {
		return len(reply.Errors) > 0 || reply.Status > 0 && reply.Error != ""
	}
	return bytes.Contains(body, []byte("<title>Redmine 500 error</title>"))
}

// explainIssue looks closer at a refused read or change of an issue.
func (d *driver) explainIssue(ctx context.Context, op, id string, err error) error {
	return wire.Absence{Op: op, Tracker: name, Issue: issueName(id), Account: keyAccount,
		Own: errors.Is(err, errWordless), CheckPlace: d.checkPlace}.Explain(ctx, d.explainDenied(ctx, err))
}

// explainDenied distinguishes a missing permission from a REST API that is
// switched off. In the second case Redmine denies even the key's own account.
func (d *driver) explainDenied(ctx context.Context, err error) error {
	if err == nil || fault.KindOf(err) != fault.Forbidden {
		return err
	}
	if _, why := d.authenticate(ctx, ""); why != nil {
		return wire.Sure(why)
	}
	return err
}

// checkPlace authenticates the key, and checks that the project's issues can be
// read.
func (d *driver) checkPlace(ctx context.Context) error {
	if _, err := d.authenticate(ctx, ""); err != nil {
		return err
	}
	project, err := d.project(ctx)
	if err != nil {
		return err
	}
	modules := project.Project.Modules
	if modules != nil && !slices.ContainsFunc(modules, func(m ref) bool { return m.Name == "issue_tracking" }) {
		return d.noIssues("read project")
	}
	return nil
}

// fieldOfSentence finds the field that a refusal begins with, in any language. Rails
// writes a field's name in small letters, and spaces for dots and underscores.
func fieldOfSentence(fields []targets.FieldInfo, sentence string) (best targets.FieldInfo, ok bool) {
	plain := func(s string) string {
		return strings.Join(strings.Fields(strings.NewReplacer(".", " ", "_", " ").Replace(strings.ToLower(s))), " ")
	}
	words := plain(sentence)
	for _, f := range fields {
		title := plain(strings.TrimSuffix(f.Name, "_id"))
		if title != "" && len(title) >= len(plain(best.Name)) && strings.HasPrefix(words, title+" ") {
			best, ok = f, true
		}
	}
	return best, ok
}

// minLimit is the least number in a refusal that is taken for a field's length.
const minLimit = 10

// longer is the custom field with the longest text, if that is above a limit;
// 0: there is none.
func (c content) longer(limit int) (id int) {
	for _, in := range c.Fields {
		if text, ok := in.Value.(string); ok && utf8.RuneCountInString(text) > limit {
			id, limit = in.ID, utf8.RuneCountInString(text)
		}
	}
	return id
}

// has reports whether a custom field was sent.
func (c content) has(id int) bool {
	return slices.ContainsFunc(c.Fields, func(in fieldInput) bool { return in.ID == id })
}

// explainFields says of a refused create which field is too long, or missing:
// one that a refusal is about and that was not sent.
func (d *driver) explainFields(fields []targets.FieldInfo, sent content, sentences []string, err error) error {
	for _, s := range sentences {
		f, ok := fieldOfSentence(fields, s)
		if limit := text.StatedLimit(s, minLimit); limit > 0 {
			if id := sent.longer(limit); id > 0 && (!ok || number(f.ID) == id) {
				return targets.TooLong(err, strconv.Itoa(id), limit, s)
			}
		}
		if id := number(f.ID); !ok || id == 0 || sent.has(id) {
			continue
		}
		e := *fault.From(err)
		e.Public = fmt.Sprintf("Redmine: field %q is required in project %q. Ask your admin to map it in settings.fields.", text.Title(f.Name, 90), text.Title(d.cfg.project, 60))
		return &e
	}
	return err
}

func (c client) noIssues(op string) *fault.Error {
	return wire.Invalid(op, "The Redmine project %q has no issues: its module Issue tracking is off, or has no trackers. Ask a Redmine admin to switch it on in the project's settings.", c.cfg.project)
}

// restIsOff is the error where Redmine denies the key's own account.
func restIsOff(op string, cause error) *fault.Error {
	return &fault.Error{Op: op, Kind: fault.Forbidden, Err: cause,
		Public: "Redmine takes no requests by API key. Ask a Redmine admin to switch them on: Administration > Settings > API > Enable REST web service."}
}

// notRedmine returns the error for an answer that Redmine does not send.
func notRedmine(op string, err error) *fault.Error {
	return wire.Stranger(op, name, "settings.url", err)
}
