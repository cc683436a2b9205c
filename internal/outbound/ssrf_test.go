package outbound

import (
	"context"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/fault"
)

// forbidden lists addresses that must lead nowhere. Names in them are what
// the resolver of TestForbiddenAddresses says.
func forbidden() map[fault.Kind][]string {
	return map[fault.Kind][]string{
		fault.Blocked: {
			// As it is usually written, on usual and odd ports.
			"https://127.0.0.1/", "https://127.0.0.1:6379/", "https://127.8.8.8:22/", "https://127.0.0.1:/", "http://127.0.0.1/", "http://127.0.0.1:9090/metrics",
			"https://0.0.0.0/", "https://0.1.2.3/", "https://10.0.0.1/", "https://172.16.0.1/", "https://172.31.255.255/", "https://192.168.1.1/", "https://100.64.0.1/",
			"https://192.0.0.8/", "https://192.0.2.1/", "https://192.88.99.1/", "https://198.18.0.1/", "https://198.51.100.1/", "https://203.0.113.1/",
			"https://224.0.0.1/", "https://239.1.1.1/", "https://240.0.0.1/", "https://255.255.255.255/",
			// Metadata of the clouds: AWS and most others, AWS by IPv6, Google by IPv6, Alibaba, Azure, Oracle, and by name.
			"http://169.254.169.254/latest/meta-data/", "https://169.254.169.254/", "https://[fd00:ec2::254]/latest/meta-data/", "https://[fd20:ce::254]/",
			"https://100.100.100.200/", "https://168.63.129.16/", "https://192.0.0.192/", "https://metadata.google.internal/",
			// Trailing dots.
			"https://127.0.0.1./", "https://169.254.169.254./", "https://localhost./",
			// Digits and dots that are not ASCII, and names that become them.
			"https://127.0.0.1/", "https://①②⑦.⓪.⓪.①/", "https://127。0。0。1/", "https://169.254.169.254/", "https://𝟏𝟐𝟕.0.0.1/", "https://ⓛocalhost/",
			// IPv6, plain.
			"https://[::]/", "https://[::1]/", "https://[0:0:0:0:0:0:0:1]/", "https://[fe80::1]/", "https://[fe80::1%25eth0]/", "https://[::1%25lo]/", "https://[fc00::1]/", "https://[fd12::1]/",
			"https://[ff02::1]/", "https://[fec0::1]/", "https://[2001:db8::1]/", "https://[3fff::1]/", "https://[100::1]/", "https://[5f00::1]/", "https://[4000::1]/", "https://[2001:20::1]/",
			// IPv6 that holds an IPv4 address: mapped, compatible, translated, NAT64, NAT64 of a site, 6to4, Teredo, ISATAP.
			"https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/", "https://[::ffff:10.0.0.1]/", "https://[::ffff:169.254.169.254]/", "https://[::127.0.0.1]/", "https://[::a9fe:a9fe]/",
			"https://[::ffff:0:127.0.0.1]/", "https://[64:ff9b::127.0.0.1]/", "https://[64:ff9b::a9fe:a9fe]/", "https://[64:ff9b::a00:1]/", "https://[64:ff9b:1::7f00:1]/",
			"https://[2002:7f00:1::]/", "https://[2002:a9fe:a9fe::1]/", "https://[2002:5db8:d822::1]/", "https://[2001::1]/", "https://[2001:0:5db8:d822:0:0:80ff:fffe]/", "https://[2606:4700::5efe:7f00:1]/", "https://[2606:4700::200:5efe:a00:1]/",
			// Names.
			"https://localhost/", "https://LOCALHOST/", "https://loop.example/", "https://loop6.example/", "https://mapped.example/", "https://metadata.example/", "https://intranet/", "https://LOOP.Example./",
			"https://nat64.example/", "https://many.example/", "https://first.example/", "https://last.example/", "https://xn--intrant-7xa.example/", "https://intranèt.example/",
			// Plain http to the public.
			"http://" + public + "/", "http://public.example/", "http://[2606:4700::1111]/", "http://[64:ff9b::5db8:d822]/",
		},
		fault.Invalid: {
			// Decimal, octal, hex and short forms of addresses.
			"https://2130706433/", "https://2852039166/", "https://017700000001/", "https://0177.0.0.1/", "https://0x7f000001/", "https://0x7f.0.0.1/", "https://0x7f.1/",
			"https://127.1/", "https://127.0.1/", "https://0/", "https://0xA9FEA9FE/", "https://169.254.43518/", "https://127.0.0.01/", "https://127.0.0.1.1/", "https://4294967297/",
			"https://2130706433./", "https://1.2.3./", "https://localhost../", "https://./", "https://../",
			// What is no address of a request.
			"", "/", "//127.0.0.1/", "https:///", "https://", "https:127.0.0.1/", "https://:443/", "ftp://127.0.0.1/", "file:///etc/passwd", "gopher://127.0.0.1:6379/_INFO", "unix:///run/redis.sock",
			"https://127.0.0.1:0/", "https://public.example:0/", "https://public.example:65536/", "https://public.example:-1/", "https://public.example:+443/", "https://public.example:443:80/",
			"https://user@127.0.0.1/", "https://public.example@127.0.0.1/", "https://127.0.0.1@public.example/", "https://user:canary@public.example/", "https://@public.example/",
			"https://public.example\\@127.0.0.1/", "https://127.0.0.1\\.public.example/", "https://127.0.0.1%00.public.example/", "https://public.example%2f@127.0.0.1/", "https://127.0.0.1 /", "https://[::1/", "https://[127.0.0.1]:x/",
			"https://public.example\r\nHost: 127.0.0.1/", "HTTPS:\\\\127.0.0.1",
		},
	}
}

// names is what the rig's resolver knows beside public.example.
func names() map[string][]string {
	return map[string][]string{
		"localhost": {"127.0.0.1", "::1"}, "loop.example": {"127.0.0.1"}, "loop6.example": {"::1"}, "mapped.example": {"::ffff:10.0.0.1"}, "nat64.example": {"64:ff9b::a9fe:a9fe"},
		"metadata.example": {"169.254.169.254"}, "metadata.google.internal": {"169.254.169.254"}, "intranet": {"10.0.0.7"}, "xn--intrant-7xa.example": {"10.0.0.7"},
		"many.example": {public, "10.0.0.1", "1.1.1.1"}, "first.example": {"127.0.0.1", public}, "last.example": {public, "2606:4700::1111", "fd00:ec2::254"},
		"localhost.": {"127.0.0.1"}, "0": {"0.0.0.0"}, "2130706433": {"127.0.0.1"}, "0x7f.1": {"127.0.0.1"}, "127.1": {"127.0.0.1"}, // what some C libraries say
	}
}

func TestForbiddenAddresses(t *testing.T) {
	t.Parallel()
	r := newRig(t, ok)
	maps.Copy(r.names, names())
	c := r.client(t, Options{})
	n := 0
	for kind, addresses := range forbidden() {
		for _, address := range addresses {
			n++
			_, err := r.get(c, address)
			require.ErrorIs(t, err, kind, "%q", address)
			require.False(t, fault.IsUnsure(err), "%q", address)
			require.NotEmpty(t, fault.From(err).Public, "%q", address)
			require.NotContains(t, err.Error(), "canary")
			require.ErrorIs(t, c.CheckAddress(t.Context(), address), kind, "%q: the check of settings says the same", address)
		}
	}
	dialled, requests := r.seen()
	require.Empty(t, dialled, "nothing was dialled")
	require.Empty(t, requests)
	t.Logf("%d addresses", n)
}

// What the table above is worth: without the guard most of it is dialled.
func TestWithoutTheGuardTheyAreReached(t *testing.T) {
	t.Parallel()
	r := newRig(t, ok)
	maps.Copy(r.names, names())
	c := r.client(t, Options{Unguarded: true})
	reached := 0
	for _, address := range forbidden()[fault.Blocked] {
		_, _ = r.get(c, address)
		if dialled, _ := r.seen(); len(dialled) > 0 {
			reached++
		}
		c.Close()
	}
	require.Greater(t, reached, 70)
}

func TestGoodAddresses(t *testing.T) {
	t.Parallel()
	r := newRig(t, ok)
	r.names["nat64.example"] = []string{"64:ff9b::5db8:d822"} // DNS64 of a public address
	r.names["redmine.lan"] = []string{"10.20.3.4"}
	r.names["xn--bcher-kva.example"] = []string{public}
	allowed := Options{Allow: []netip.Prefix{netip.MustParsePrefix("10.20.0.0/16"), netip.MustParsePrefix("fd00:1::/32")}}
	for _, c := range []struct {
		opts             Options
		address, dialled string
	}{
		{Options{}, "https://public.example/", public + ":443"},
		{Options{}, "https://PUBLIC.example./", public + ":443"},
		{Options{}, "https://public.example:8443/", public + ":8443"},
		{Options{}, "https://" + public + "/", public + ":443"},
		{Options{}, "https://[2606:4700::1111]/", "[2606:4700::1111]:443"},
		{Options{}, "https://[::ffff:93.184.216.34]/", "[::ffff:93.184.216.34]:443"},
		{Options{}, "https://[64:ff9b::5db8:d822]/", "[64:ff9b::5db8:d822]:443"},
		{Options{}, "https://nat64.example/", "[64:ff9b::5db8:d822]:443"},
		{Options{}, "https://bücher.example/", public + ":443"},
		{Options{}, "https://public.example#@127.0.0.1/", public + ":443"},
		{Options{}, "https://public.example/@127.0.0.1/?https://127.0.0.1", public + ":443"},
		{allowed, "https://10.20.3.4/", "10.20.3.4:443"},
		{allowed, "http://10.20.3.4:3000/", "10.20.3.4:3000"},
		{allowed, "http://redmine.lan/", "10.20.3.4:80"},
		{allowed, "http://[::ffff:10.20.3.4]/", "[::ffff:10.20.3.4]:80"},
		{allowed, "https://[64:ff9b::10.20.3.4]/", "[64:ff9b::a14:304]:443"},
		{allowed, "http://[fd00:1::7]/", "[fd00:1::7]:80"},
	} {
		client := r.client(t, c.opts)
		require.NoError(t, client.CheckAddress(t.Context(), c.address), c.address)
		dialled, _ := r.seen()
		require.Empty(t, dialled, "%s: a check sends nothing", c.address)
		_, err := r.get(client, c.address)
		require.NoError(t, err, c.address)
		dialled, requests := r.seen()
		require.Equal(t, []string{c.dialled}, dialled, c.address)
		require.Len(t, requests, 1)
	}
	for _, address := range []string{"http://10.21.3.4/", "https://10.21.3.4/", "http://public.example/", "https://[64:ff9b::10.21.3.4]/", "https://[2002:a14:304::1]/", "https://127.0.0.1/"} {
		_, err := r.get(r.client(t, allowed), address)
		require.ErrorIs(t, err, fault.Blocked, address)
	}
	wide := Options{Allow: []netip.Prefix{netip.MustParsePrefix("2000::/3"), netip.MustParsePrefix("64:ff9b::/32")}}
	for _, address := range []string{"https://[2002:7f00:1::]/", "https://[64:ff9b::a9fe:a9fe]/", "https://[64:ff9b:1::a9fe:a9fe]/", "https://[2001:0:5db8:d822:0:0:80ff:fffe]/"} {
		_, err := r.get(r.client(t, wide), address)
		require.ErrorIs(t, err, fault.Blocked, "%s: allowing a range of IPv6 does not allow what it carries", address)
	}
}

// A name that changes between the check of the settings and the call is judged
// anew, and one that changes after that is not asked again: the address that
// was checked is the one that is dialled.
func TestNamesThatChange(t *testing.T) {
	t.Parallel()
	r := newRig(t, ok)
	c := r.client(t, Options{})
	r.names["rebind.example"], r.changes["rebind.example"] = []string{public}, []string{"127.0.0.1"}
	require.NoError(t, c.CheckAddress(t.Context(), "https://rebind.example/"))
	_, err := r.get(c, "https://rebind.example/")
	require.ErrorIs(t, err, fault.Blocked)
	dialled, _ := r.seen()
	require.Empty(t, dialled)

	r.names["rebind.example"] = []string{public}
	for range 3 {
		_, err = r.get(c, "https://rebind.example/")
		require.NoError(t, err)
	}
	r.mu.Lock()
	require.Equal(t, []string{"rebind.example"}, r.lookups, "one look-up for the connection, which is then kept")
	r.mu.Unlock()
	dialled, requests := r.seen()
	require.Equal(t, []string{public + ":443"}, dialled)
	require.Len(t, requests, 3)
}

func TestRedirectsLeadNowhere(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(rw http.ResponseWriter, r *http.Request) {
		code := map[string]int{"301": 301, "302": 302, "303": 303, "307": 307, "308": 308, "300": 300, "201": 201}[r.URL.Query().Get("code")]
		rw.Header().Set("Location", r.URL.Query().Get("to"))
		rw.Header().Set("Refresh", "0; url="+r.URL.Query().Get("to"))
		rw.Header().Set("Content-Location", r.URL.Query().Get("to"))
		rw.WriteHeader(code)
	})
	r.names["other.example"] = []string{"1.1.1.1"}
	c := r.client(t, Options{})
	for _, to := range []string{
		"/elsewhere", "https://public.example/elsewhere", "https://other.example/", "//other.example/", "https://127.0.0.1/", "http://169.254.169.254/latest/meta-data/", "https://[::ffff:127.0.0.1]/",
		"http://public.example/", "https://user:pass@other.example/", "file:///etc/passwd", "/?code=302&to=/", "https://2130706433/", "\\\\127.0.0.1\\x", "%zz",
	} {
		for _, code := range []string{"300", "301", "302", "303", "307", "308"} {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				_, err := c.Send(t.Context(), Call{Op: "x", Method: method, URL: "https://public.example/?code=" + code + "&to=" + strings.ReplaceAll(strings.ReplaceAll(to, "&", "%26"), "%zz", "%25zz"),
					Header: http.Header{"Authorization": {"Bearer canary"}}, Body: []byte("{}")})
				require.ErrorIs(t, err, fault.Invalid, "%s %s", code, to)
				require.False(t, fault.IsUnsure(err))
				require.NotContains(t, err.Error(), "other.example", "nothing that the server chose is repeated")
				_, requests := r.seen()
				require.Len(t, requests, 1, "%s %s", code, to)
			}
		}
	}
	_, err := c.Send(t.Context(), Call{Op: "x", Method: http.MethodPost, URL: "https://public.example/?code=201&to=https://127.0.0.1/"})
	require.NoError(t, err, "the address of what was created is data")
}

// The real socket asks the guard as well, whoever dials.
func TestSocketsAskTheGuard(t *testing.T) {
	t.Parallel()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = ln.Close() }()
	conn, err := newDialer(Options{}).direct(withScheme(t.Context(), "https"), "tcp", ln.Addr().String())
	require.ErrorAs(t, err, new(*blockedError))
	require.Nil(t, conn)
}

func TestLookupsThatFail(t *testing.T) {
	t.Parallel()
	r := newRig(t, ok)
	c := r.client(t, Options{})
	r.names["empty.example"] = []string{}
	for range maxAddresses + 1 {
		r.names["flood.example"] = append(r.names["flood.example"], public)
	}
	for _, name := range []string{"gone.example", "empty.example"} {
		require.ErrorIs(t, c.CheckAddress(t.Context(), "https://"+name), fault.Invalid, name)
		_, err := r.get(c, "https://"+name)
		require.ErrorIs(t, err, fault.Unavailable, "%s: a name may come back", name)
	}
	require.ErrorIs(t, c.CheckAddress(t.Context(), "https://flood.example"), fault.Unavailable)
	require.NoError(t, r.client(t, Options{Unguarded: true}).CheckAddress(t.Context(), "http://gone.example"), "the operator's own address")
}

// A broken address costs a moment, not the time of the call; the slower
// connection is closed.
func TestTheNextAddressIsTriedSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDialer(Options{})
		closed := make(chan struct{})
		slow, _ := net.Pipe()
		fast, _ := net.Pipe()
		d.direct = func(ctx context.Context, _, address string) (net.Conn, error) {
			switch address {
			case "[2606:4700::1111]:443": // never answers, but connects when it is too late
				<-ctx.Done()
				return &closeNoted{slow, closed}, nil
			case public + ":443":
				return nil, errBroken
			default:
				return fast, nil
			}
		}
		begun := time.Now()
		addrs := []netip.Addr{netip.MustParseAddr("2606:4700::1111"), netip.MustParseAddr("2606:4700::1112"), netip.MustParseAddr(public)}
		conn, err := d.dialAny(t.Context(), addrs, "443")
		require.NoError(t, err)
		require.Equal(t, fast, conn)
		require.Equal(t, stagger, time.Since(begun), "one head start, and a failure is not waited for")
		<-closed
	})
}

type closeNoted struct {
	net.Conn
	closed chan struct{}
}

func (c *closeNoted) Close() error { close(c.closed); return c.Conn.Close() }

func TestAllAddressesBroken(t *testing.T) {
	t.Parallel()
	d := newDialer(Options{})
	tried := make(chan string, 100)
	d.direct = func(_ context.Context, _, address string) (net.Conn, error) { tried <- address; return nil, errBroken }
	var addrs []netip.Addr
	for i := range 20 {
		addrs = append(addrs, netip.AddrFrom4([4]byte{1, 1, 1, byte(i)}))
	}
	_, err := d.dialAny(t.Context(), addrs, "443")
	require.ErrorIs(t, err, errBroken)
	require.Len(t, tried, maxTries)
}
