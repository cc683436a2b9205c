package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"pushbutton/config"
	"pushbutton/internal/admin/client"
	"pushbutton/internal/app"
	"pushbutton/internal/connections"
	"pushbutton/internal/pushes"
)

// pushScope looks after the pushes of one tenant: pushes.Scope on Redis, or a
// client of a running plugin.
type pushScope interface {
	List(ctx context.Context, q pushes.Query) (pushes.Page, error)
	Get(ctx context.Context, integration, entity string) (pushes.Detail, error)
	Retry(ctx context.Context, integration, entity string) (pushes.Push, error)
	RetryFailed(ctx context.Context, q pushes.Query) (pushes.RetryResult, error)
	Reset(ctx context.Context, integration, entity string) (pushes.Push, error)
	Link(ctx context.Context, integration, entity, issue string) (pushes.Push, error)
	Unlink(ctx context.Context, integration, entity string) (pushes.Push, error)
	Refresh(ctx context.Context, integration, entity string) (pushes.RefreshResult, error)
	RefreshIntegration(ctx context.Context, integration string) error
}

// pushScopes returns the scope of each tenant.
type pushScopes interface {
	TenantIDs(ctx context.Context) iter.Seq2[string, error]
	Pushes(tenant string) pushScope
}

// localScopes are those of this process, on Redis.
type localScopes struct{ *app.App }

// Pushes implements pushScopes.
func (l localScopes) Pushes(tenant string) pushScope { return l.App.Pushes().Tenant(tenant) }

// serverScopes are those of a running plugin.
type serverScopes struct{ *client.Client }

// Pushes implements pushScopes.
func (s serverScopes) Pushes(tenant string) pushScope { return s.Client.Pushes(tenant) }

// pushOptions are the flags.
type pushOptions struct {
	tenant string
	state  string
	filter pushes.Filter
	limit  int
	all    bool
}

const pushVerbs = "list, show KEY, retry KEY..., --all retry, reset KEY, link KEY ISSUE, unlink KEY, refresh KEY..., or --integration TENANT/NAME refresh (flags go first)"

func pushesCommand() command {
	return command{name: "pushes", settings: true, client: true, summary: "list, show, retry, reset, link, unlink or refresh pushes: pushes list | show KEY | retry KEY... | --all retry | reset KEY | link KEY ISSUE | unlink KEY | refresh KEY... | --integration TENANT/NAME refresh", setup: func(inv *invocation) func(context.Context, []string) error {
		var o pushOptions
		inv.flags.StringVar(&o.tenant, "tenant", "", "only this `TENANT`")
		inv.flags.StringVar(&o.filter.Integration, "integration", "", "only this integration, by its `NAME` or id; with refresh: TENANT/NAME or TENANT/id")
		inv.flags.StringVar(&o.filter.Entity, "entity", "", "only this item, by its `ID` at Productboard")
		inv.flags.StringVar(&o.filter.Kind, "kind", "", "only this `KIND` of failure, such as unauthorized")
		inv.flags.StringVar(&o.filter.Text, "text", "", "only what has this `TEXT` in the item's id, the issue's key, address or title, who clicked, or the failure")
		inv.flags.StringVar(&o.state, "state", string(connections.Failed), "with list: only buttons in this `STATE`: initial, progress, connected, error, or all")
		inv.flags.TextVar(&o.filter.From, "from", time.Time{}, "only what last changed at this `TIME` or later, such as 2026-01-31T15:04:05Z")
		inv.flags.TextVar(&o.filter.To, "to", time.Time{}, "only what last changed before this `TIME`")
		inv.flags.IntVar(&o.limit, "limit", 100, "at most this `NUMBER`; 0 for all")
		inv.flags.BoolVar(&o.all, "all", false, "with retry: every failed push that the other flags let through")
		return func(ctx context.Context, args []string) error {
			do, err := inv.pushes(o, args)
			if err != nil {
				return err
			}
			cfg, err := inv.loadEither(config.EncryptionKeys)
			if err != nil {
				return err
			}
			if cfg.Server != "" {
				client, err := inv.client(cfg)
				if err != nil {
					return err
				}
				defer client.Close()
				return plainly(do(ctx, serverScopes{client}))
			}
			return app.WithApp(ctx, cfg, inv.logger(cfg), version, func(ctx context.Context, a *app.App) error {
				return plainly(do(ctx, localScopes{a}))
			})
		}
	}}
}

// plainly has a field that is wrong told as people know it.
func plainly(err error) error {
	if wrong, ok := errors.AsType[*pushes.FieldError](err); ok {
		return fmt.Errorf("%s: %s", wrong.Field, wrong.Message())
	}
	return err
}

// pushes makes what the arguments ask for. Flags may also follow the verb.
func (inv *invocation) pushes(o pushOptions, args []string) (func(context.Context, pushScopes) error, error) {
	if len(args) == 0 {
		return nil, &usageError{errors.New("say " + pushVerbs)}
	}
	verb, args, issue := args[0], args[1:], ""
	if verb == "link" && len(args) == 2 {
		args, issue = args[:1], args[1]
	}
	keys, err := parseKeys(args)
	if err != nil {
		return nil, &usageError{err}
	}
	p := &pushPrinter{out: inv.stdout, errs: inv.stderr}
	switch {
	case verb == "list" && len(keys) == 0:
		if o.filter.State = connections.State(o.state); o.state == "all" {
			o.filter.State = ""
		}
		return func(ctx context.Context, from pushScopes) error { return o.list(ctx, from, p) }, nil
	case verb == "show" && len(keys) == 1:
		return func(ctx context.Context, from pushScopes) error {
			d, err := from.Pushes(keys[0].Tenant).Get(ctx, keys[0].Integration, keys[0].Entity)
			if err != nil {
				return err
			}
			return p.detail(d)
		}, nil
	case verb == "retry" && len(keys) == 0 && o.all:
		return func(ctx context.Context, from pushScopes) error { return o.retryAll(ctx, from, p) }, nil
	case verb == "retry" && len(keys) > 0 && !o.all:
		return each(p, "retried", keys, pushScope.Retry), nil
	case verb == "reset" && len(keys) == 1:
		return each(p, "reset", keys, pushScope.Reset), nil
	case verb == "refresh" && (len(keys) > 0) != (o.filter.Integration != ""):
		return o.refresh(p, keys)
	case verb == "unlink" && len(keys) == 1:
		return each(p, "unlinked", keys, pushScope.Unlink), nil
	case verb == "link" && len(keys) == 1 && issue != "":
		return each(p, "linked", keys, func(d pushScope, ctx context.Context, integration, entity string) (pushes.Push, error) {
			return d.Link(ctx, integration, entity, issue)
		}), nil
	default:
		return nil, &usageError{errors.New("say " + pushVerbs)}
	}
}

// refresh compares buttons with their issues: those of the keys, or all of the
// integration that the flags name.
func (o pushOptions) refresh(p *pushPrinter, keys []connections.Key) (func(context.Context, pushScopes) error, error) {
	if len(keys) > 0 {
		return func(ctx context.Context, from pushScopes) error {
			for _, key := range keys {
				done, err := from.Pushes(key.Tenant).Refresh(ctx, key.Integration, key.Entity)
				if err != nil {
					return fmt.Errorf("%s: %w", key, plainly(err))
				}
				p.refreshed(key, done)
			}
			return nil
		}, nil
	}
	tenant, integration, ok := o.tenant, o.filter.Integration, o.tenant != ""
	if !ok {
		tenant, integration, ok = strings.Cut(o.filter.Integration, "/")
	}
	if !ok || tenant == "" || integration == "" {
		return nil, &usageError{errors.New("name the integration that is to be refreshed: --integration TENANT/NAME, or TENANT/ID")}
	}
	return func(ctx context.Context, from pushScopes) error {
		if err := from.Pushes(tenant).RefreshIntegration(ctx, integration); err != nil {
			return err
		}
		p.refreshing(tenant, integration)
		return nil
	}, nil
}

func parseKeys(args []string) ([]connections.Key, error) {
	var keys []connections.Key
	for _, arg := range args {
		key, err := connections.ParseKey(arg)
		if err != nil {
			return nil, fmt.Errorf("%w (want TENANT/INTEGRATION:ENTITY, as list prints it)", err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// each changes buttons one after the other.
func each(p *pushPrinter, done string, keys []connections.Key, do func(d pushScope, ctx context.Context, integration, entity string) (pushes.Push, error)) func(context.Context, pushScopes) error {
	return func(ctx context.Context, from pushScopes) error {
		for _, key := range keys {
			changed, err := do(from.Pushes(key.Tenant), ctx, key.Integration, key.Entity)
			if err != nil {
				return fmt.Errorf("%s: %w", key, plainly(err))
			}
			p.changed(done, changed)
		}
		return nil
	}
}

// everyPage asks each tenant for pages until there are none left, or enough.
// ask returns how many it found.
func (o pushOptions) everyPage(ctx context.Context, from pushScopes, ask func(d pushScope, tenant string, q pushes.Query) (n int, next string, err error)) error {
	ids := from.TenantIDs(ctx)
	if o.tenant != "" {
		ids = func(yield func(string, error) bool) { yield(o.tenant, nil) }
	}
	left, known := o.limit, false
	var unknown error
	for id, err := range ids {
		if err != nil {
			return err
		}
		for q := (pushes.Query{Filter: o.filter}); ; {
			q.Limit = pushes.MaxPage
			if o.limit > 0 {
				q.Limit = min(left, pushes.MaxPage)
			}
			n, next, err := ask(from.Pushes(id), id, q)
			var wrong *pushes.FieldError
			if o.tenant == "" && errors.As(err, &wrong) && wrong.Field == pushes.FieldIntegration {
				unknown = err // it may be another tenant's
				break
			}
			if err != nil {
				return err
			}
			known = true
			if left -= n; o.limit > 0 && left <= 0 {
				return nil
			}
			if q.Cursor = next; next == "" {
				break
			}
		}
	}
	if !known {
		return unknown
	}
	return nil
}

func (o pushOptions) list(ctx context.Context, from pushScopes, p *pushPrinter) error {
	p.begin()
	err := o.everyPage(ctx, from, func(d pushScope, _ string, q pushes.Query) (int, string, error) {
		page, err := d.List(ctx, q)
		p.page(page.Pushes)
		return len(page.Pushes), page.Next, err
	})
	return errors.Join(p.end(), err)
}

func (o pushOptions) retryAll(ctx context.Context, from pushScopes, p *pushPrinter) error {
	total, reported := 0, map[string]bool{}
	err := o.everyPage(ctx, from, func(d pushScope, tenant string, q pushes.Query) (int, string, error) {
		done, err := d.RetryFailed(ctx, q)
		for _, s := range done.Skipped {
			if !reported[s.Integration] {
				p.skipped(tenant, s)
			}
			reported[s.Integration] = true
		}
		if total += done.Retried; done.Next != "" && done.Retried > 0 {
			p.soFar(total)
		}
		return done.Retried, done.Next, err
	})
	p.total(total)
	return err
}
