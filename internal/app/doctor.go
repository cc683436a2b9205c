package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/hooks/keeper"
	"pushbutton/internal/outbound"
	"pushbutton/internal/redisdb"
	"pushbutton/internal/tenants"
	"pushbutton/internal/tenants/register"
)

// doctorTimeout bounds each of the doctor's checks.
const doctorTimeout = 30 * time.Second

// Doctor checks everything that a push depends on, and writes to out what is wrong
// and what to do about it. It changes nothing but the list of what cannot be
// read. The error only says how many checks failed.
func (a *App) Doctor(ctx context.Context, out io.Writer) error {
	d := &doctor{app: a, out: out}
	if d.redis(ctx) {
		d.keys(ctx)
		d.publicURL(ctx)
		d.integrations(ctx)
		d.broken(ctx)
	}
	if d.failed > 0 {
		return fmt.Errorf("%d of %d checks failed", d.failed, d.checks)
	}
	_, _ = fmt.Fprintf(out, "all %d checks passed\n", d.checks)
	return nil
}

type doctor struct {
	app            *App
	out            io.Writer
	checks, failed int
}

func (d *doctor) say(mark, what, text string) {
	_, _ = fmt.Fprintf(d.out, "%-5s %s", mark, what)
	if text != "" {
		_, _ = fmt.Fprintf(d.out, ": %s", text)
	}
	_, _ = fmt.Fprintln(d.out)
}

// check writes the result of one check, and reports whether it passed.
func (d *doctor) check(what string, err error) bool {
	d.checks++
	if err == nil {
		d.say("ok", what, "")
		return true
	}
	d.failed++
	d.say("FAIL", what, advice(err))
	return false
}

// advice returns the sentence that a person may read, with the reference for
// support.
func advice(err error) string {
	var e *fault.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	text := e.Public
	if text == "" {
		text = e.Error()
	}
	if e.Ref != "" {
		text += " (reference " + e.Ref + ")"
	}
	return text
}

func (d *doctor) redis(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, doctorTimeout)
	defer cancel()
	state, err := redisdb.Inspect(ctx, d.app.rdb)
	if !d.check("redis: reachable", err) {
		d.say("", "", "Check PLUGIN_REDIS_URL, and that Redis runs.")
		return false
	}
	d.say("", fmt.Sprintf("redis: version %s, appendonly %s, appendfsync %s, maxmemory-policy %s, clock differs by %s",
		orUnknown(state.Version), orUnknown(state.AppendOnly), orUnknown(state.AppendFsync), orUnknown(state.Eviction), state.Skew), "")
	var problems error
	if len(state.Problems) > 0 {
		problems = errors.New(strings.Join(state.Problems, " "))
	}
	d.check("redis: keeps what is written", problems)
	for _, w := range state.Warnings {
		d.say("note", "redis", w)
	}
	return true
}

// keys checks whether everything that is stored can be opened. It notes what is not
// sealed with the first key.
func (d *doctor) keys(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, doctorTimeout)
	defer cancel()
	uses, err := d.app.tenants.KeyUses(ctx)
	if err == nil {
		err = missingKeys(d.app.missing(uses))
	}
	d.check("encryption keys: everything stored can be opened", err)
	delete(uses, d.app.keys.First())
	for _, id := range slices.Sorted(maps.Keys(uses)) {
		d.say("note", "encryption keys", fmt.Sprintf("%d integrations are sealed with key %q, which is not the first. `plugin keys rotate` seals them anew.", uses[id], id))
	}
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

// publicURL calls the plugin the way Productboard does. For an address of no
// integration it must answer 404 in its own words.
func (d *doctor) publicURL(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, doctorTimeout)
	defer cancel()
	if d.app.cfg.PublicURL == "" {
		d.check("public URL", errors.New("PLUGIN_PUBLIC_URL is not set: Productboard could not reach this plugin"))
		return
	}
	reply, err := d.app.pbHTTP.Send(ctx, outbound.Call{Op: "reach the public URL", Method: http.MethodGet, URL: d.app.Registrar().ActionURL("doctor") + "?validationToken=x"})
	switch {
	case reply.Status == http.StatusNotFound && reply.Header.Get("X-Request-Id") != "":
		err = nil
	case reply.Status != 0:
		err = fmt.Errorf("%s answers, but it is not this plugin (status %d). Check the proxy in front of it", d.app.cfg.PublicURL, reply.Status)
	default:
		err = fmt.Errorf("%s cannot be reached from here: %w", d.app.cfg.PublicURL, err)
	}
	d.check("public URL", err)
}

func (d *doctor) integrations(ctx context.Context) {
	for in, err := range d.app.allIntegrations(ctx) {
		if err != nil {
			d.check(strings.TrimSpace(in.Tenant+" integrations")+": readable, credentials can be opened", err)
			continue
		}
		d.integration(ctx, in)
		d.sweeps(ctx, in)
		d.hook(ctx, in)
	}
}

// broken names the documents that cannot be read. The lists before leave them out.
func (d *doctor) broken(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, doctorTimeout)
	defer cancel()
	broken, err := d.app.tenants.Broken(ctx)
	buttons, berr := d.app.records.UnreadableRecords(ctx)
	if err = errors.Join(err, berr); err != nil || len(broken)+len(buttons) == 0 {
		d.check("what is stored can be read", err)
		return
	}
	for _, b := range broken {
		d.check("stored document of "+b.String(), fmt.Errorf("cannot be read, found %s. Nothing is done for it until it is mended: restore it from a backup of Redis, or declare it anew under another name. docs/run.md names its key", b.Since.Format(time.RFC3339)))
	}
	for _, a := range buttons {
		d.check("record of button "+a.Key.String(), fmt.Errorf("cannot be read, found %s. Nobody works on it: `plugin pushes reset %s` begins it anew and leaves its issue alone", a.Since.Format(time.RFC3339), a.Key))
	}
}

func (d *doctor) integration(ctx context.Context, in tenants.Integration) {
	ctx, cancel := context.WithTimeout(ctx, doctorTimeout)
	defer cancel()
	name := in.Tenant + "/" + in.Name
	var err error
	if in.ProductboardID == "" {
		err = errors.New("was never registered at Productboard. Run plugin apply again")
	} else {
		_, err = d.app.peers.session(in).GetIntegration(ctx, in.ProductboardID)
	}
	d.check(name+": Productboard", err)
	target, err := d.app.peers.Target(ctx, in)
	if err == nil {
		err = target.Check(ctx)
	}
	d.check(name+": "+in.Target.Type, err)
	if target == nil {
		return
	}
	if names := target.ItemFields(); len(names) > 0 {
		d.check(name+": fields that the templates name", register.CheckItemFields(ctx, d.app.peers.session(in), names))
	}
	if caveat := target.Caveat(ctx); caveat != "" {
		d.say("note", name, caveat)
	}
	d.expiry(ctx, name, in)
}

// expiry warns of credentials that end soon.
func (d *doctor) expiry(ctx context.Context, name string, in tenants.Integration) {
	credentials := expirySource{d.app}
	for _, side := range credentials.Sides(in) {
		if at, err := credentials.Ask(ctx, in, side); err == nil {
			in.SetExpiry(side, at)
		}
		if note := register.ExpiryNote(in, side, time.Now()); note != "" {
			d.say("note", name, note)
		}
	}
}

// hook says how an integration's webhook is, and what is wrong with it.
func (d *doctor) hook(ctx context.Context, in tenants.Integration) {
	if in.Disabled || !in.Deleting.IsZero() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, doctorTimeout)
	defer cancel()
	name := in.Tenant + "/" + in.Name
	hook, err := d.app.Hooks().Hook(ctx, in)
	if err != nil {
		d.check(name+": webhook", err)
		return
	}
	switch {
	case hook.Problem != "":
		d.say("note", name, "Its webhook is not registered: "+hook.Problem)
	case hook.State == string(keeper.Manual) && hook.LastEvent.IsZero():
		d.say("note", name, fmt.Sprintf("No webhook came lately. If it was never set up at the tracker, `plugin hooks rotate %s` tells the steps, as the admin API does (POST …/tenants/%s/integrations/%s/hook/rotate). hooks: off says that none is wanted.", name, in.Tenant, in.ID))
	default:
		d.say("", name+": webhook: "+hook.State, "")
	}
	if hook.MissedSweeps >= keeper.SilentSweeps {
		d.say("note", name, fmt.Sprintf("Its webhook is silent: the last %d sweeps found changes that it had not told. Check at the tracker that it is active and that its deliveries arrive.", hook.MissedSweeps))
	}
}

// latePeriods is after how many periods without an ended sweep the doctor warns.
const latePeriods = 3

// sweeps says when the issues of an integration were last read, and what is wrong
// with that.
func (d *doctor) sweeps(ctx context.Context, in tenants.Integration) {
	ctx, cancel := context.WithTimeout(ctx, doctorTimeout)
	defer cancel()
	name := in.Tenant + "/" + in.Name
	if in.Refresh.Off || in.Disabled || !in.Deleting.IsZero() {
		d.say("", name+": its issues are not read back", "")
		return
	}
	status, err := d.app.sweeps.Status(ctx, in.Tenant, in.ID)
	if err != nil {
		d.check(name+": when its issues were last read", err)
		return
	}
	switch {
	case status.Stopped != "":
		d.say("note", name, fmt.Sprintf("The last sweep over its issues stopped %s: %s", status.Ended.UTC().Format(time.RFC3339), status.Stopped))
	case status.Ended.IsZero():
		d.say("", name+": its issues were not read back yet", "")
	default:
		d.say("", name+": issues last read "+status.Ended.UTC().Format(time.RFC3339), "")
	}
	since := status.Ended
	if in.UpdatedAt.After(since) {
		since = in.UpdatedAt // it may have been enabled then
	}
	if time.Since(since) <= latePeriods*d.app.cfg.Refresh {
		return
	}
	switch shows, err := d.showsIssues(ctx, in); {
	case err != nil:
		d.check(name+": whether its buttons show issues", err)
	case shows:
		d.say("note", name, fmt.Sprintf("No sweep over its issues has ended since %s. PLUGIN_REFRESH is %s: check that workers run, and whether the tracker is slow.",
			since.UTC().Format(time.RFC3339), d.app.cfg.Refresh))
	}
}

// showsIssues reports whether any button of an integration shows an issue.
func (d *doctor) showsIssues(ctx context.Context, in tenants.Integration) (bool, error) {
	for cursor := uint64(0); ; {
		entries, next, err := d.app.records.Scan(ctx, in.Tenant, in.ID, cursor)
		if err != nil {
			return false, err
		}
		for _, e := range entries {
			if e.Record.State == connections.Connected && e.Record.Issue != nil {
				return true, nil
			}
		}
		if next == 0 {
			return false, nil
		}
		cursor = next
	}
}
