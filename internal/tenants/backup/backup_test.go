package backup

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/secret"
	"pushbutton/internal/tenants"
)

func (d deployment) entries(tb testing.TB, in tenants.Integration) map[string]connections.Entry {
	tb.Helper()
	out := map[string]connections.Entry{}
	for e, err := range d.records.Export(context.Background(), "acme", in.ID) {
		require.NoError(tb, err)
		out[e.Key.Entity] = e
	}
	return out
}

// A field that the file does not carry would come back empty.
func TestEveryFieldOfAnIntegrationIsCarried(t *testing.T) {
	in := full("Engineering")
	require.Equal(t, []string{"Integration.Hook"}, unset(reflect.ValueOf(in), "Integration"), "set it in full, and carry it in form.go")
	require.Equal(t, in, wireIntegration(in).of("acme"))

	with := in
	with.Hook = &tenants.Hook{Token: tenants.NewHookToken(), Secret: tenants.NewHookSecret(), ID: "7"}
	require.Equal(t, in, wireIntegration(with).of("acme"), "another deployment registers its own webhook")
}

func TestMovingATenant(t *testing.T) {
	redistest.Each(t, func(t *testing.T, env redistest.Env) {
		ctx := context.Background()
		from, to := deploy(t, redistest.Mini(t), "a-key"), deploy(t, env, "b-key")
		busy, idle := full("Engineering"), full("Support")
		idle.Reconnect, idle.Deleting = nil, busy.Former.Until
		from.settle(t, busy, idle)
		from.push(t, key(busy, 1), connected(t)) // to be read back
		from.push(t, key(busy, 2), nil)          // waits
		from.push(t, key(busy, 3), func(ctx context.Context, l *connections.Lease) { require.NoError(t, l.Intend(ctx)) })
		done := connections.Entry{Key: key(idle, 4), Changed: at(8), Record: connections.Record{State: connections.Failed, Generation: 3, Epoch: 2, Run: 5,
			Click: connections.Click{At: at(7).UnixMilli(), Name: "Jane"}, Failure: &connections.Failure{Message: "No.", Kind: "invalid", Side: fault.SideTracker, Ref: "r-1"}}}
		require.NoError(t, from.records.Import(ctx, []connections.Entry{done}))
		recipient, keys := pair(t)

		var file bytes.Buffer
		wrote, err := from.Export(ctx, &file, "acme", recipient, nil)
		require.NoError(t, err)
		require.Equal(t, Content{Tenant: "acme", Exported: from.now(), Integrations: 2, Connections: 4, Unfinished: 3}, wrote)
		read, err := to.Import(ctx, bytes.NewReader(file.Bytes()), "acme", keys, nil)
		require.NoError(t, err)
		require.Equal(t, wrote, read)

		for _, want := range []tenants.Integration{busy, idle} {
			was, err := from.tenants.ByID(ctx, want.ID)
			require.NoError(t, err)
			is, err := to.tenants.ByID(ctx, want.ID)
			require.NoError(t, err)
			require.Equal(t, was, is, "field by field, credentials included")
			raw := to.rdb.HGet(ctx, "pb:{t:acme}:integrations", want.ID).Val()
			require.NotEqual(t, from.rdb.HGet(ctx, "pb:{t:acme}:integrations", want.ID).Val(), raw)
			require.NotContains(t, raw, "a-key:", "nothing is sealed with the other deployment's key")
			require.Contains(t, raw, "b-key:")
		}
		require.Equal(t, from.entries(t, idle), to.entries(t, idle))
		was, is := from.entries(t, busy), to.entries(t, busy)
		require.Len(t, is, 3)
		for entity, before := range was {
			after := is[entity]
			require.Equal(t, before.Changed, after.Changed)
			require.Equal(t, before.Record.Marker(before.Key), after.Record.Marker(after.Key), "never a second issue")
			require.Equal(t, before.Record.Run+1, after.Record.Run)
			require.Empty(t, after.Record.Owner, "whoever worked on it there has no part in it")
			before.Record.Run, before.Record.Owner, before.Record.LeaseEnd = after.Record.Run, "", 0
			require.Equal(t, before.Record, after.Record)
		}
		tenant, err := to.tenants.Tenant("acme").Get(ctx)
		require.NoError(t, err)
		require.Empty(t, tenant.Importing)
		require.Contains(t, tenant.Suspended.Reason, "Imported")
		require.Equal(t, "Acme", tenant.Name)
		require.Equal(t, tenants.TenantLimits{MaxInFlight: 3, MaxQueued: 4, Connections: 5, PerSecond: 6, Integrations: 7}, tenant.Limits)
		usage, err := to.records.Usage(ctx, "acme")
		require.NoError(t, err)
		require.EqualValues(t, 4, usage.Connections)
		marked, err := to.tenants.Reconnecting(ctx)
		require.NoError(t, err)
		require.Equal(t, []string{busy.ID}, marked)

		_, err = to.Import(ctx, bytes.NewReader(file.Bytes()), "acme", keys, nil)
		require.ErrorIs(t, err, fault.Conflict, "what is there is neither replaced nor merged")
	})
}

func TestASuspensionIsKeptWithItsReason(t *testing.T) {
	from, to := deploy(t, redistest.Mini(t), "a-key"), deploy(t, redistest.Mini(t), "b-key")
	from.settle(t)
	why := &tenants.Suspension{Reason: "Moving.", Since: at(1)}
	_, err := from.tenants.Tenant("acme").Alter(t.Context(), func(t *tenants.Tenant) { t.Suspended = why })
	require.NoError(t, err)
	recipient, keys := pair(t)
	_, err = to.Import(t.Context(), bytes.NewReader(from.export(t, recipient)), "acme", keys, nil)
	require.NoError(t, err)
	got, err := to.tenants.Tenant("acme").Get(t.Context())
	require.NoError(t, err)
	require.Equal(t, why, got.Suspended)
}

func TestNoSecretStandsInTheFile(t *testing.T) {
	from := deploy(t, redistest.Mini(t), "a-key")
	from.settle(t, full("Engineering"))
	recipient, keys := pair(t)
	file := from.export(t, recipient)
	inside := strings.Join(plain(t, file, keys), "\n")
	require.Contains(t, inside, canary, "the search can fail")
	for shift := range 3 { // as it would look in base64 at any place
		inner := base64.StdEncoding.EncodeToString([]byte(strings.Repeat(" ", shift) + canary))
		require.NotContains(t, string(file), inner[4:len(inner)-4])
	}
	require.NotContains(t, string(file), canary)
	require.NotContains(t, string(file), "Engineering", "nor anything else")
}

func TestInvalidFiles(t *testing.T) {
	from := deploy(t, redistest.Mini(t), "a-key")
	in := full("Engineering")
	from.settle(t, in)
	for n := range 800 { // more than one part of an age file
		from.push(t, key(in, n), nil)
	}
	recipient, keys := pair(t)
	good := from.export(t, recipient)
	lines := plain(t, good, keys)
	last := len(lines) - 2 // the trailer; then comes an empty one
	require.Greater(t, len(good), 2*64<<10)
	_, otherKeys := pair(t)
	changed := func(n int) []byte {
		bad := bytes.Clone(good)
		bad[n] ^= 1
		return bad
	}
	with := func(n int, text string) []byte {
		all := append([]string{}, lines...)
		all[n] = text
		return sealed(t, recipient, all...)
	}
	without := func(n int) []byte {
		all := append([]string{}, lines[:n]...)
		return sealed(t, recipient, append(all, lines[n+1:]...)...)
	}
	byPhrase := func(phrase string) []age.Identity {
		id, err := ByPassphrase(secret.New(phrase))
		require.NoError(t, err)
		return id
	}
	for name, c := range map[string]struct {
		file   []byte
		keys   []age.Identity
		tenant string
		says   string
	}{
		"empty":                         {nil, keys, "acme", "not one that an export wrote"},
		"no age file":                   {[]byte(strings.Join(lines, "\n")), keys, "acme", "not one that an export wrote"},
		"another key":                   {good, otherKeys, "acme", "not the one that the file was encrypted to"},
		"a passphrase for a key":        {good, byPhrase("correct horse battery"), "acme", "not the one"},
		"a wrong passphrase":            {from.export(t, cheap(t, "correct horse battery")), byPhrase("correct horse batterY"), "acme", "not the one"},
		"changed in its header":         {changed(60), keys, "acme", "not"},
		"changed at the end":            {changed(len(good) - 20), keys, "acme", "was changed"},
		"changed in the middle":         {changed(len(good) / 2), keys, "acme", "was changed"},
		"cut in its header":             {good[:40], keys, "acme", "not one that an export wrote"},
		"cut in the middle":             {good[:len(good)/2], keys, "acme", "ends too early"},
		"cut between two parts":         {good[:64<<10+300], keys, "acme", "ends too early"},
		"its last byte is missing":      {good[:len(good)-1], keys, "acme", "ends too early"},
		"more behind it":                {append(bytes.Clone(good), "more"...), keys, "acme", "changed"},
		"another tenant's":              {good, keys, "other", `holds the tenant "acme", not "other"`},
		"another format":                {sealed(t, recipient, `{"tenant":{}}`, ""), keys, "acme", "holds no exported tenant"},
		"a newer version":               {with(0, strings.Replace(lines[0], `"version":1,`, `"version":2,"new":"`+canary+`",`, 1)), keys, "acme", "of version 2"},
		"no version":                    {with(0, strings.Replace(lines[0], `"version":1`, `"version":0`, 1)), keys, "acme", "no known version"},
		"no trailer":                    {without(last), keys, "acme", "ends too early"},
		"a line is missing":             {without(last - 1), keys, "acme", "incomplete"},
		"an integration is missing":     {without(2), keys, "acme", "integration that is not in the file"},
		"an integration is there twice": {with(3, lines[2]), keys, "acme", "there before"},
		"the tenant is missing":         {without(1), keys, "acme", "out of its place"},
		"an integration too late":       {with(last-1, lines[2]), keys, "acme", "out of its place"},
		"something behind the trailer":  {with(last+1, lines[last]), keys, "acme", "follows"},
		"a field that is not known":     {with(2, strings.Replace(lines[2], `"id":`, `"`+canary+`":1,"id":`, 1)), keys, "acme", "Line 3 of the file cannot be read"},
		"a line that is no JSON":        {with(2, canary), keys, "acme", "Line 3 of the file cannot be read"},
		"two things in a line":          {with(3, lines[3]+lines[3]), keys, "acme", "more than it should"},
		"a line that is too long":       {with(2, strings.Repeat(" ", MaxLine+1)+lines[2]), keys, "acme", "too long"},
		"an id that is none":            {with(2, strings.Replace(lines[2], in.ID, "../"+in.ID[3:], 1)), keys, "acme", "integration whose id"},
		"a secret that is missing":      {with(2, strings.Replace(lines[2], `"actionAuth":"`, `"actionAuth":"","type":"`, 1)), keys, "acme", "actionAuth"},
		"a state that is none":          {with(3, strings.Replace(lines[3], `"s":"progress"`, `"s":"spinning"`, 1)), keys, "acme", "state of a connection"},
		"a key that is none":            {with(3, strings.Replace(lines[3], `"entity":"`, `"entity":"a/b`, 1)), keys, "acme", "key of a connection"},
		"a number that is too large":    {with(3, strings.Replace(lines[3], `"r":1`, `"r":100000000000000`, 1)), keys, "acme", "out of range"},
		"settings that are too large":   {with(2, strings.Replace(lines[2], `"settings":{`, `"settings":{"big":"`+strings.Repeat("x", tenants.MaxRecord)+`",`, 1)), keys, "acme", `The integration "Engineering" of the file cannot be stored`},
		"a tenant that cannot be":       {with(1, `{"tenant":{"limits":{"maxQueued":-1}}}`), keys, "acme", "limits.maxQueued"},
	} {
		t.Run(name, func(t *testing.T) {
			env := redistest.Mini(t)
			_, err := deploy(t, env, "b-key").Import(t.Context(), bytes.NewReader(c.file), c.tenant, c.keys, nil)
			require.ErrorIs(t, err, fault.Invalid)
			require.Contains(t, fault.From(err).Public, c.says)
			require.NotContains(t, err.Error(), canary)
			require.Empty(t, everything(t, env), "nothing was written")
		})
	}
}

func TestWhatIsHereAlreadyIsNotTouched(t *testing.T) {
	from := deploy(t, redistest.Mini(t), "a-key")
	in := full("Engineering")
	from.settle(t, in)
	recipient, keys := pair(t)
	file := from.export(t, recipient)
	for name, arrange := range map[string]func(d deployment) error{
		"the tenant exists": func(d deployment) error { _, err := d.tenants.CreateTenant(t.Context(), "acme"); return err },
		"another file's import was cut short": func(d deployment) error {
			_, err := d.tenants.AddTenant(t.Context(), tenants.Tenant{ID: "acme", Importing: newFileID()})
			return err
		},
		"the integration is another tenant's": func(d deployment) error {
			_, err := d.tenants.CreateTenant(t.Context(), "other")
			return errors.Join(err, d.tenants.Tenant("other").Restore(t.Context(), in))
		},
		"the tenant is being deleted": func(d deployment) error {
			_, err := d.tenants.AddTenant(t.Context(), tenants.Tenant{ID: "acme", Deleting: at(1)})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			env := redistest.Mini(t)
			d := deploy(t, env, "b-key")
			require.NoError(t, arrange(d))
			before := everything(t, env)
			_, err := d.Import(t.Context(), bytes.NewReader(file), "acme", keys, nil)
			require.ErrorIs(t, err, fault.Conflict)
			require.Equal(t, before, everything(t, env))
		})
	}
}

func TestWhatIsComingOrGoingIsNotExported(t *testing.T) {
	d := deploy(t, redistest.Mini(t), "a-key")
	recipient, _ := pair(t)
	for id, tenant := range map[string]tenants.Tenant{"going": {ID: "going", Deleting: at(1)}, "coming": {ID: "coming", Importing: newFileID()}} {
		_, err := d.tenants.AddTenant(t.Context(), tenant)
		require.NoError(t, err)
		_, err = d.Export(t.Context(), io.Discard, id, recipient, nil)
		require.ErrorIs(t, err, fault.Conflict)
	}
	_, err := d.Export(t.Context(), io.Discard, "nobody", recipient, nil)
	require.ErrorIs(t, err, fault.NotFound)
}
