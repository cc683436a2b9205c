package redmine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"pushbutton/internal/fault"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
	"pushbutton/internal/targets/wire"
)

// Check implements targets.Driver. Redmine answers many reads without a valid
// key where the project is public, so the key is authenticated first.
func (d *driver) Check(ctx context.Context) error {
	d.resolved.Forget()
	d.dropped.Store(false)
	d.required.Store(nil)
	me, err := d.authenticate(ctx, "?include=memberships")
	if err != nil {
		return err
	}
	res, err := d.resolve(ctx)
	if err != nil {
		return err
	}
	// A field that is no filter shows by issues that do not match.
	if _, err := d.list(ctx, res, "check"); err != nil {
		return err
	}
	if err := d.checkTextFormat(ctx, res); err != nil {
		return err
	}
	if err := d.checkPermissions(ctx, res, me); err != nil {
		return err
	}
	return d.rehearse(ctx, res, me)
}

// authenticate returns whose the key is, with what else is asked for.
func (d *driver) authenticate(ctx context.Context, include string) (user, error) {
	const op = "read the key's account"
	var me userReply
	if err := d.get(ctx, op, "/users/current.json"+include, wire.List(&me, manyItems)); fault.KindOf(err) == fault.Forbidden && err != nil {
		return me.User, restIsOff(op, err)
	} else if err != nil {
		return me.User, err
	}
	if me.User.ID == 0 {
		return me.User, notRedmine(op, errors.New("the answer names no user"))
	}
	return me.User, nil
}

// checkPermissions checks that Redmine will not drop a field that the mapping fills
// for want of a permission. Where the account is no member its rights are not
// to be seen.
func (d *driver) checkPermissions(ctx context.Context, res *resolved, me user) error {
	roles := me.rolesIn(res.projectID)
	if me.Admin || len(roles) == 0 {
		return nil
	}
	var may map[string]bool
	for _, n := range natives() {
		if len(n.rights) == 0 || !d.isMapped(n.ID, n.Name) {
			continue
		}
		if may == nil {
			var err error
			if may, err = d.permissions(ctx, roles); err != nil {
				return err
			}
		}
		if !slices.ContainsFunc(n.rights, func(right string) bool { return may[right] }) {
			return &fault.Error{Op: "read the account's rights", Kind: fault.Forbidden,
				Public: fmt.Sprintf("Redmine drops the field %q of new issues: the API key's account lacks the permission %q in project %q. Ask a Redmine admin for a role with it, or your admin to change settings.fields.", n.Name, n.right, text.Title(d.cfg.project, 50))}
		}
	}
	return nil
}

// isMapped reports whether the mapping fills a field.
func (d *driver) isMapped(id, title string) bool {
	return slices.ContainsFunc(d.cfg.mapped, func(s string) bool { return s == id || strings.EqualFold(s, title) })
}

func (c client) permissions(ctx context.Context, roles []ref) (map[string]bool, error) {
	may := map[string]bool{}
	for _, r := range roles {
		role, err := c.role(ctx, r)
		if err != nil {
			return nil, err
		}
		for _, permission := range role.Role.Permissions {
			may[permission] = true
		}
	}
	return may, nil
}

func (c client) role(ctx context.Context, r ref) (roleReply, error) {
	var role roleReply
	err := c.get(ctx, "read role", "/roles/"+strconv.Itoa(r.ID)+".json", &role)
	return role, err
}

// rehearse sends a create that Redmine must refuse, and reads off the refusal
// what else is in the way: permissions, and required fields, which show in no
// other way to an account that is not an administrator's, or that come from a
// workflow. A field that is listed is left to the shared check, which knows
// what the mapping fills.
func (d *driver) rehearse(ctx context.Context, res *resolved, me user) error {
	sentences, err := d.rehearseCreate(ctx, res, content{})
	if err != nil {
		return err
	}
	fields, err := d.ListFields(ctx)
	if err != nil {
		return err
	}
	required := map[string]bool{}
	sentences = slices.DeleteFunc(sentences, func(s string) bool {
		f, ok := fieldOfSentence(fields, s)
		if ok {
			required[f.ID] = true
		}
		return ok
	})
	d.required.Store(&required)
	if len(sentences) > 0 && (len(d.cfg.mapped) > 0 || d.cfg.assigns) {
		// What is no longer said once the mapped fields have a value was about
		// one of them, in a language or by a name that is not known here.
		still, err := d.rehearseCreate(ctx, res, d.probe(fields, me))
		if err != nil {
			return err
		}
		sentences = slices.DeleteFunc(sentences, func(s string) bool { return !slices.Contains(still, s) })
	}
	if len(sentences) > 0 {
		return wire.Invalid("rehearse a create", "%s", refusal(sentences))
	}
	return nil
}

// rehearseCreate sends one create whose subject is longer than the database takes,
// and returns what Redmine says beside that.
func (d *driver) rehearseCreate(ctx context.Context, res *resolved, with content) ([]string, error) {
	const op = "rehearse a create"
	body, err := d.prepareIssueRequestBody(res, targets.Draft{Marker: "check", Link: d.cfg.url})
	if err != nil {
		return nil, err
	}
	with.Subject, with.Description, with.Fields = strings.Repeat("x", maxSubject+1), body.Description, append(body.Fields, with.Fields...)
	if with.PriorityID == 0 {
		with.PriorityID = body.PriorityID
	}
	body.content = with
	err = d.write(ctx, op, http.MethodPost, "/issues.json", map[string]any{"issue": body}, nil)
	if err == nil {
		return nil, wire.Invalid(op, "Redmine created an issue that it had to refuse (subject of %d characters): a plugin there changes new issues. Ask a Redmine admin.", maxSubject+1)
	}
	sentences, ok := sentencesOf(err)
	if !ok {
		return nil, err
	}
	// The sentences are in the account's language, but the limit is in digits.
	limit := strconv.Itoa(maxSubject)
	sentences = slices.Clone(sentences)
	if at := slices.IndexFunc(sentences, func(s string) bool { return strings.Contains(s, limit) }); at >= 0 {
		sentences = slices.Delete(sentences, at, at+1)
	}
	return sentences, nil
}

// probe returns every mapped field some value of its type.
func (d *driver) probe(fields []targets.FieldInfo, me user) content {
	var c content
	if d.cfg.assigns {
		c.AssigneeID = me.ID
	}
	for _, f := range fields {
		if !d.isMapped(f.ID, f.Name) {
			continue
		}
		value := "1"
		switch f.Type {
		case targets.ValueDate:
			value = "2000-01-01"
		case targets.ValuePerson:
			value = strconv.Itoa(me.ID)
		case targets.ValueOption:
			if len(f.Options) == 0 {
				continue
			}
			value = f.Options[0].ID
		default:
		}
		c.set(targets.FieldValue{Field: f, Values: []string{value}})
	}
	return c
}

// IsPublic implements targets.PublicPlace. Whether strangers have to sign in
// first is not shown to any key.
func (d *driver) IsPublic(ctx context.Context) (bool, error) {
	res, err := d.resolve(ctx)
	return err == nil && res.public, err
}
