package gitlab

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets/text"
)

// Check implements targets.Driver.
func (d *driver) Check(ctx context.Context) error {
	d.forget()
	me, err := d.authenticate(ctx)
	if err != nil {
		return err
	}
	res, err := d.resolved.Get(ctx)
	if err != nil {
		return err
	}
	if err := d.checkRole(ctx, res.place, me); err != nil {
		return err
	}
	_, err = d.list(ctx, res, "check", byLabel("check"))
	return err
}

func (d *driver) whoAmI(ctx context.Context) (account, error) {
	const op = "read the token's account"
	var me account
	err := d.get(ctx, op, "/user", &me)
	if err == nil && me.ID == 0 {
		err = notGitLab(op, fmt.Errorf("the answer names no user"))
	}
	return me, err
}

// authenticate returns whose the token is, and checks that it may write.
func (d *driver) authenticate(ctx context.Context) (account, error) {
	const op = "read the token's scopes"
	me, err := d.whoAmI(ctx)
	if err != nil {
		return me, err
	}
	if d.cfg.oauth {
		return me, nil // it cannot be asked for its scopes
	}
	var token tokenReply
	err = d.get(ctx, op, "/personal_access_tokens/self", &token)
	switch {
	case err != nil && fault.KindOf(err).Transient():
		return me, err
	case err != nil: // GitLab before 15.5 does not know the question
		return me, nil //nolint:nilerr // a token without the scope shows at the first push
	case slices.Contains(token.Scopes, "api") || slices.Contains(token.Scopes, "granular"):
		return me, nil
	}
	return me, &fault.Error{Op: op, Kind: fault.Forbidden,
		Public: "GitLab: the token may not write. Ask your admin for a token with the scope api."}
}

// checkRole checks that the account may make labels.
func (d *driver) checkRole(ctx context.Context, p *place, me account) error {
	const op = "read the account's role"
	if me.IsAdmin {
		return nil
	}
	able, err := d.hasRole(ctx, op, p, me)
	if err != nil || able {
		return err
	}
	return &fault.Error{Op: op, Kind: fault.Forbidden,
		Public: fmt.Sprintf("GitLab: the token's account needs the role Reporter (or Planner) in project %q: GitLab drops the labels of others. Ask a GitLab admin to give it.", text.Title(d.cfg.project, 60))}
}

// hasRole reports whether the account is more than a guest. The project's own
// answer leaves out roles by way of invited groups; the list of members has
// them.
func (d *driver) hasRole(ctx context.Context, op string, p *place, me account) (bool, error) {
	if p.level >= rolePlanner {
		return true, nil
	}
	var member account
	err := d.get(ctx, op, p.path("/members/all/"+strconv.Itoa(me.ID)), &member)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return false, err
	}
	return member.AccessLevel >= rolePlanner, nil
}

// IsPublic implements targets.PublicPlace.
func (d *driver) IsPublic(ctx context.Context) (bool, error) {
	p, err := d.places.Get(ctx)
	return err == nil && p.public && !d.cfg.confidential, err
}

// Expires implements targets.Expirer. A token ends with the beginning of its
// last day, UTC. An OAuth token lives two hours and whoever renews it, outside
// this plugin, knows.
func (d *driver) Expires(ctx context.Context) (time.Time, error) {
	const op = "read the token's end"
	if d.cfg.oauth {
		return time.Time{}, nil
	}
	var token tokenReply
	err := d.get(ctx, op, "/personal_access_tokens/self", &token)
	switch {
	case err != nil && fault.KindOf(err) == fault.NotFound: // GitLab before 15.5 does not know the question
		return time.Time{}, nil
	case err != nil:
		return time.Time{}, err
	case token.ExpiresAt == "":
		return time.Time{}, nil
	}
	at, err := time.Parse(time.DateOnly, token.ExpiresAt)
	if err != nil {
		return time.Time{}, notGitLab(op, fmt.Errorf("expires_at is no day"))
	}
	return at, nil
}
