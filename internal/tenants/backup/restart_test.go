package backup

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/proof/boundtest"
	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/tenants"
)

// twice is a file that does something before its second reading, which it may
// end early.
type twice struct {
	*bytes.Reader
	again func(r *bytes.Reader)
	left  int // bytes of the second reading; negative: all
	pass  int
}

var errDisk = errors.New("the disk is gone")

func (f *twice) Seek(offset int64, whence int) (int64, error) {
	if f.pass++; f.pass == 2 && f.again != nil {
		f.again(f.Reader)
	}
	return f.Reader.Seek(offset, whence)
}

func (f *twice) Read(p []byte) (int, error) {
	if f.pass < 2 || f.left < 0 {
		return f.Reader.Read(p)
	}
	if f.left == 0 {
		return 0, errDisk
	}
	n, err := f.Reader.Read(p[:min(len(p), f.left)])
	f.left -= n
	return n, err
}

// An import that is cut short anywhere leaves a tenant that nothing is done
// for, and goes on when it is called again.
func TestAnImportThatIsCutShortGoesOn(t *testing.T) {
	ctx := context.Background()
	from := deploy(t, redistest.Mini(t), "a-key")
	in := full("Engineering")
	from.settle(t, in)
	for n := range 800 {
		from.push(t, key(in, n), nil)
	}
	recipient, keys := pair(t)
	file := from.export(t, recipient)
	want := from.entries(t, in)

	to := deploy(t, redistest.Mini(t), "b-key")
	for _, left := range []int{0, 300, 70 << 10, len(file) - 100} {
		_, err := to.Import(ctx, &twice{Reader: bytes.NewReader(file), left: left}, "acme", keys, nil)
		require.ErrorIs(t, err, fault.Unavailable)
		require.ErrorIs(t, err, errDisk)
		require.Contains(t, fault.From(err).Public, "import the same file again")
		tenant, err := to.tenants.Tenant("acme").Get(ctx)
		require.NoError(t, err)
		require.NotEmpty(t, tenant.Importing)
		require.True(t, tenant.Halted())
	}
	_, err := to.Import(ctx, bytes.NewReader(from.export(t, recipient)), "acme", keys, nil)
	require.ErrorIs(t, err, fault.Conflict, "another file")
	content, err := to.Import(ctx, bytes.NewReader(file), "acme", keys, nil)
	require.NoError(t, err)
	require.EqualValues(t, 800, content.Connections)
	tenant, err := to.tenants.Tenant("acme").Get(ctx)
	require.NoError(t, err)
	require.Empty(t, tenant.Importing)
	got := to.entries(t, in)
	require.Len(t, got, len(want))
	for entity, e := range want {
		require.Equal(t, e.Record.Marker(e.Key), got[entity].Record.Marker(got[entity].Key))
	}
	usage, err := to.records.Usage(ctx, "acme")
	require.NoError(t, err)
	require.EqualValues(t, 800, usage.Connections, "each was counted once")
}

func TestAFileThatChangesMeanwhileIsNotCompleted(t *testing.T) {
	from := deploy(t, redistest.Mini(t), "a-key")
	from.settle(t, full("Engineering"))
	recipient, keys := pair(t)
	file, other := from.export(t, recipient), from.export(t, recipient)
	to := deploy(t, redistest.Mini(t), "b-key")
	_, err := to.Import(t.Context(), &twice{Reader: bytes.NewReader(file), left: -1, again: func(r *bytes.Reader) { r.Reset(other) }}, "acme", keys, nil)
	require.ErrorIs(t, err, fault.Invalid)
	tenant, err := to.tenants.Tenant("acme").Get(t.Context())
	require.NoError(t, err)
	require.True(t, tenant.Halted())
}

func TestATenantThatIsDeletedMeanwhileIsNotFilled(t *testing.T) {
	from := deploy(t, redistest.Mini(t), "a-key")
	in := full("Engineering")
	from.settle(t, in)
	from.push(t, key(in, 1), nil)
	recipient, keys := pair(t)
	file := from.export(t, recipient)
	to := deploy(t, redistest.Mini(t), "b-key")
	deleted := func(*bytes.Reader) {
		_, err := to.tenants.Tenant("acme").Alter(t.Context(), func(t *tenants.Tenant) { t.Deleting = at(1) })
		require.NoError(t, err)
	}
	_, err := to.Import(t.Context(), &twice{Reader: bytes.NewReader(file), left: -1, again: deleted}, "acme", keys, nil)
	require.ErrorIs(t, err, fault.NotFound)
	_, err = to.records.Get(t.Context(), key(in, 1))
	require.ErrorIs(t, err, fault.NotFound)
}

// stingy is a disk that is full soon.
type stingy struct{ left int }

func (w *stingy) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, errDisk
	}
	return len(p), nil
}

func TestAnExportThatFailsSaysSo(t *testing.T) {
	from := deploy(t, redistest.Mini(t), "a-key")
	in := full("Engineering")
	from.settle(t, in)
	from.push(t, key(in, 1), nil)
	recipient, keys := pair(t)
	for _, left := range []int{0, 100, 300} {
		_, err := from.Export(t.Context(), &stingy{left}, "acme", recipient, nil)
		require.ErrorIs(t, err, errDisk)
	}
	// What is left of one that Redis ended is no file.
	var file bytes.Buffer
	require.NoError(t, from.rdb.HSet(t.Context(), recordsKeyOf(t, from, in), "entity-broken", "no record").Err())
	_, err := from.Export(t.Context(), &file, "acme", recipient, nil)
	require.Error(t, err)
	to := deploy(t, redistest.Mini(t), "b-key")
	_, err = to.Import(t.Context(), bytes.NewReader(file.Bytes()), "acme", keys, nil)
	require.ErrorIs(t, err, fault.Invalid)
	_, err = to.tenants.Tenant("acme").Get(t.Context())
	require.ErrorIs(t, err, fault.NotFound)
}

func recordsKeyOf(t *testing.T, d deployment, in tenants.Integration) string {
	t.Helper()
	keys := d.rdb.Keys(t.Context(), "*:c:acme/"+in.ID).Val()
	require.Len(t, keys, 1)
	return keys[0]
}

// FuzzRead reads anything: it ends, without a panic, in an error of the
// file's, or in what can be written and read again as the same.
func FuzzRead(f *testing.F) {
	in := full("Engineering")
	var good bytes.Buffer
	w := newWriter(&good)
	must := func(err error) {
		if err != nil {
			f.Fatal(err)
		}
	}
	must(w.head(header{Format: format, Version: Version, ID: newFileID(), Tenant: "acme", Exported: at(1)}, tenants.Tenant{Name: "Acme", Suspended: &tenants.Suspension{Reason: "x", Since: at(2)}}))
	must(w.integration(in))
	for _, r := range []connections.Record{
		{State: connections.Initial, Epoch: 3, Orphans: []connections.Orphan{{Epoch: 1, Intent: &connections.Intent{At: 5, Sent: 1}}}, Step: connections.Verify, ReadBack: 9},
		{State: connections.Progress, Step: connections.Open, Run: 4, Deadline: 77, Owner: "w", LeaseEnd: 5, Click: connections.Click{At: 4, Name: "Jane"}},
		{State: connections.Failed, Failure: &connections.Failure{Message: "No.", Kind: "invalid"}},
	} {
		must(w.connection(connections.Entry{Key: key(in, int(r.Run)), Record: r, Changed: at(3)}))
	}
	must(w.end())
	f.Add(good.Bytes())
	for n := range bytes.Count(good.Bytes(), []byte("\n")) {
		lines := bytes.SplitAfter(good.Bytes(), []byte("\n"))
		f.Add(bytes.Join(append(lines[:n:n], lines[n+1:]...), nil))
		f.Add(bytes.Join(lines[:n+1], nil))
	}
	f.Add([]byte(`{"header":{"format":"pushbutton tenant","version":2}}`))
	lines := bytes.SplitAfter(good.Bytes(), []byte("\n"))
	f.Add([]byte(boundtest.Fill(string(lines[0])+string(lines[1]), string(lines[2]), "")))
	f.Add([]byte(boundtest.Fill("", "\n", "")))
	for _, text := range boundtest.JSON() {
		f.Add([]byte(text + "\n"))
		f.Add([]byte(string(lines[0]) + `{"integration":` + text + "}\n"))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		first := &recorder{}
		var content Content
		var err error
		boundtest.Memory(t, len(raw), boundtest.Limit{Base: 256 << 10, PerByte: 100}, func() { content, err = read(bytes.NewReader(raw), first) })
		if err != nil {
			if fault.KindOf(err) != fault.Invalid || fault.From(err).Public == "" {
				t.Fatalf("not the file's: %v", err)
			}
			return
		}
		again := &recorder{}
		same, err := read(bytes.NewReader(first.rewrite(t)), again)
		if err != nil || same != content {
			t.Fatalf("it cannot be read again: %v, %+v and %+v", err, content, same)
		}
		require.Equal(t, first, again)
	})
}

// recorder keeps what a reader gives.
type recorder struct {
	h            header
	t            tenants.Tenant
	integrations []tenants.Integration
	entries      []connections.Entry
}

func (r *recorder) head(h header, t tenants.Tenant) error { r.h, r.t = h, t; return nil }
func (r *recorder) integration(in tenants.Integration) error {
	r.integrations = append(r.integrations, in)
	return nil
}

func (r *recorder) connection(e connections.Entry) error {
	r.entries = append(r.entries, e)
	return nil
}

func (r *recorder) rewrite(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	w := newWriter(&out)
	require.NoError(t, w.head(r.h, r.t))
	for _, in := range r.integrations {
		require.NoError(t, w.integration(in))
	}
	for _, e := range r.entries {
		require.NoError(t, w.connection(e))
	}
	require.NoError(t, w.end())
	return out.Bytes()
}

var _ io.ReadSeeker = (*twice)(nil)
