package app

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"pushbutton/config"
	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/pbapi/pbfake"
	"pushbutton/internal/redisdb"
	"pushbutton/internal/redisdb/redistest"
	"pushbutton/internal/redisdb/redisurl"
	"pushbutton/internal/secret"
)

// whole is two processes of the plugin on one Redis, with a simulator of
// Productboard and a tracker.
type whole struct {
	box         *Sandbox
	integration string
	items       []string
}

// startWhole starts it with so many items; it ends with the test.
func startWhole(t *testing.T, items int, store config.Config) *whole {
	t.Helper()
	listen := func() net.Listener {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		return ln
	}
	ln := listen()
	address := "http://" + ln.Addr().String()
	w := &whole{box: NewSandbox(address, items, 1)}
	srv := &http.Server{Handler: w.box.Handler()}
	go func() { _ = srv.Serve(ln) }()
	t.Cleanup(func() { _ = srv.Close(); w.box.Close() })

	cfg, err := config.Load(config.Sources{Flags: map[string]string{
		"redis-url": store.RedisURL.Reveal(), "redis-ca-file": store.RedisCAFile, "redis-wait-replicas": strconv.Itoa(store.RedisWaitReplicas),
		"ops-listen": "127.0.0.1:0", "drain-delay": "0s", "shutdown-timeout": "4s", "outbound-allow": "127.0.0.0/8", "public-url": SandboxOrigin,
		"productboard-api-url": address + "/v2", "encryption-keys": "k1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
	}})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var fronts []string
	var listeners []net.Listener
	for range 2 {
		ln := listen()
		listeners, fronts = append(listeners, ln), append(fronts, "http://"+ln.Addr().String())
	}
	require.NoError(t, w.box.Productboard.SetEdge(SandboxOrigin, fronts...))
	ended := make(chan error, len(listeners))
	for i, ln := range listeners {
		ready := make(chan struct{})
		go func() {
			ended <- Program{
				Config: cfg, Roles: Roles{API: true, Worker: true}, Log: silent, Version: "test", Listener: ln,
				Started: func(ctx context.Context, a *App, _ string) error {
					if i == 0 {
						if _, err := a.Registrar().Apply(ctx, demoDeclaration(address)); err != nil {
							return err
						}
					}
					close(ready)
					return nil
				},
			}.Run(ctx)
		}()
		select {
		case <-ready:
		case err := <-ended:
			cancel()
			require.NoError(t, err)
		}
	}
	t.Cleanup(func() {
		cancel()
		for range listeners {
			require.NoError(t, <-ended)
		}
	})
	w.integration = w.box.Productboard.Integrations()[0].ID
	for _, e := range w.box.Productboard.Entities() {
		w.items = append(w.items, e.ID)
	}
	return w
}

// click pushes an item's button and reports whether the click was taken.
func (w *whole) click(t *testing.T, item string) bool {
	t.Helper()
	answer, err := w.box.Productboard.Click(context.Background(), w.integration, item, pbfake.Push, pbfake.User{Name: "Ada"})
	require.NoError(t, err)
	return answer.Status == http.StatusOK && answer.Failure == ""
}

// await waits until every one of the items is connected.
func (w *whole) await(t *testing.T, items []string) {
	t.Helper()
	all := func() bool {
		found := map[string]bool{}
		for _, c := range w.box.Productboard.Connections(w.integration, "connected") {
			found[c.EntityID] = true
		}
		for _, item := range items {
			if !found[item] {
				return false
			}
		}
		return true
	}
	require.Eventually(t, all, 90*time.Second, 50*time.Millisecond, "every click that was taken becomes an issue")
}

// once waits for all items, and looks for second issues.
func (w *whole) once(t *testing.T) {
	t.Helper()
	w.await(t, w.items)
	require.Len(t, w.box.Tracker.Issues(SandboxProject, 10*len(w.items)), len(w.items), "one issue each")
}

func (w *whole) everything(t *testing.T) {
	t.Helper()
	for _, item := range w.items {
		require.True(t, w.click(t, item))
	}
	w.once(t)
}

// certificate makes a certificate for loopback that signs itself.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "redis"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	raw, err := x509.MarshalECPrivateKey(private)
	require.NoError(t, err)
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	require.NoError(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: raw}), 0o600))
	return cert, key
}

func TestRedisOverTLS(t *testing.T) {
	cert, key := certificate(t)
	s := redistest.StartTLS(t, cert, key)
	address := secret.New("rediss://" + s.Addr + "/1")
	startWhole(t, 5, config.Config{RedisURL: address, RedisCAFile: cert}).everything(t)

	ask := func(cfg config.Config) error {
		rdb, err := OpenRedis(cfg)
		if err != nil {
			return err
		}
		defer func() { _ = rdb.Close() }()
		_, err = redisdb.Inspect(t.Context(), rdb)
		return err
	}
	require.ErrorContains(t, ask(config.Config{RedisURL: address}), "unknown authority")
	other, _ := certificate(t)
	require.ErrorContains(t, ask(config.Config{RedisURL: address, RedisCAFile: other}), "certificate")
	require.Error(t, ask(config.Config{RedisURL: secret.New("redis://" + s.Addr)}))
	require.ErrorContains(t, ask(config.Config{RedisURL: address, RedisCAFile: key}), "PLUGIN_REDIS_CA_FILE: holds no certificate")
	require.ErrorContains(t, ask(config.Config{RedisURL: address, RedisCAFile: key + "x"}), "PLUGIN_REDIS_CA_FILE")
	require.ErrorContains(t, ask(config.Config{RedisURL: secret.New("redis://" + s.Addr), RedisCAFile: cert}), "of no use without TLS")
}

// A fail-over in the middle of clicks: what was answered goes on to connected,
// what was refused can be clicked again, and nothing is done twice.
func TestFailoverUnderClicks(t *testing.T) {
	watched := redistest.Watch(t)
	w := startWhole(t, 300, config.Config{RedisURL: secret.New(watched.URL), RedisWaitReplicas: 1})
	taken, refused := w.items[:0:0], w.items[:0:0]
	for i, item := range w.items {
		if i == 100 {
			watched.Master.Kill()
			// The only replica becomes the master: from here on nothing waits for
			// a replica of its own.
			follow(t, watched)
		}
		if w.click(t, item) {
			taken = append(taken, item)
		} else {
			refused = append(refused, item)
		}
	}
	t.Logf("%d clicks taken, %d refused while there was no master, or none with a replica", len(taken), len(refused))
	require.Greater(t, len(taken), 100)
	w.await(t, taken)
	for _, item := range refused {
		require.Eventually(t, func() bool { return w.click(t, item) }, 30*time.Second, 50*time.Millisecond)
	}
	w.once(t)
}

// follow gives the new master a replica, as an operator, or a returning
// machine, would.
func follow(t *testing.T, watched redistest.Watched) {
	t.Helper()
	host, port, _ := net.SplitHostPort(watched.Replica.Addr)
	redistest.Start(t, "--replicaof", host+" "+port, "--repl-diskless-sync-delay", "0")
}

// failover is one way to answer clicks, and to lose a master.
type failover struct {
	name string
	args []string
	wait int
	// cut says that the replica hears nothing for some time before the master
	// dies, as where a machine, or its network, dies slowly.
	cut bool
}

// What a fail-over loses of what was answered. Seen figures are in
// docs/design/guarantees.md.
func TestWhatAFailoverLoses(t *testing.T) {
	least := []string{"--min-replicas-to-write", "1", "--min-replicas-max-lag", "1"}
	for _, c := range []failover{
		{"the process dies", nil, 0, false},
		{"the replica is cut off first", nil, 0, true},
		{"the same with min-replicas-to-write 1 and max-lag 1", least, 0, true},
		{"the same with PLUGIN_REDIS_WAIT_REPLICAS 1", nil, 1, true},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t) })
	}
}

func (c failover) run(t *testing.T) {
	t.Helper()
	watched := redistest.Watch(t, c.args...)
	rdb, err := OpenRedis(config.Config{RedisURL: secret.New(watched.URL)})
	require.NoError(t, err)
	defer func() { _ = rdb.Close() }()
	clicks := startClicks(connections.NewStore(redisdb.Scripts(rdb, c.wait), connections.Timing{}))
	defer clicks.stop()

	clicks.await(t, "clicks are taken", func() bool { return clicks.taken.Load() >= 500 })
	before, from := clicks.taken.Load(), time.Now()
	if c.cut {
		watched.Link.Silence()
		// Long enough to see it: either many clicks are taken that no replica
		// has, or each person was refused once.
		clicks.await(t, "clicks are taken or refused", func() bool {
			return clicks.refused.Load() >= people || c.args == nil && c.wait == 0 && clicks.taken.Load() >= before+3000
		})
	}
	after, silent := clicks.taken.Load()-before, time.Since(from)
	watched.Master.Kill()
	watched.Link.Cut()
	clicks.stop()

	// Whoever asks is served by the replica that was made the master.
	require.Eventually(t, func() bool {
		role, err := rdb.Do(context.Background(), "role").Slice()
		return err == nil && role[0] == "master"
	}, 30*time.Second, 20*time.Millisecond)
	lost := 0
	store := connections.NewStore(rdb, connections.Timing{})
	for _, key := range clicks.keys {
		if _, err := store.Get(context.Background(), key); fault.KindOf(err) == fault.NotFound {
			lost++
		} else {
			require.NoError(t, err)
		}
	}
	t.Logf("%d clicks taken, lost %d; %d of them, and %d refused, in the %s in which the replica was cut off",
		len(clicks.keys), lost, after, clicks.refused.Load(), silent.Round(100*time.Millisecond))
	switch {
	case c.wait > 0:
		require.Zero(t, lost)
	case c.cut && c.args == nil:
		require.NotZero(t, lost, "the test can see a loss")
	case c.cut:
		require.NotZero(t, clicks.refused.Load(), "a master without replicas refuses in the end")
	}
}

// clicks is people clicking on a store without pause, each on a button of its
// own.
type clicks struct {
	taken, refused atomic.Int64
	end            context.CancelFunc
	group          sync.WaitGroup

	mu   sync.Mutex
	keys []connections.Key
}

// people is how many click at the same time.
const people = 8

func startClicks(store *connections.Store) *clicks {
	ctx, cancel := context.WithCancel(context.Background())
	c := &clicks{end: cancel}
	for i := range people {
		c.group.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				key := connections.Key{Tenant: "t" + strconv.Itoa(i), Integration: strings.Repeat("a", 26), Entity: strconv.Itoa(n)}
				if _, _, err := store.Push(ctx, key, connections.Person{}); err != nil {
					c.refused.Add(1)
					continue
				}
				c.taken.Add(1)
				c.mu.Lock()
				c.keys = append(c.keys, key)
				c.mu.Unlock()
			}
		})
	}
	return c
}

// await fails the test where something never happens. How soon it happens
// depends on the machine, so the bound is far off.
func (c *clicks) await(t *testing.T, what string, so func() bool) {
	t.Helper()
	require.Eventually(t, so, 3*time.Minute, 5*time.Millisecond, what)
}

func (c *clicks) stop() {
	c.end()
	c.group.Wait()
}

func TestCluster(t *testing.T) {
	env := redistest.Cluster(t)
	startWhole(t, 10, config.Config{RedisURL: secret.New(env.URL)}).everything(t)

	cfg := config.Config{RedisURL: secret.New(env.URL)}
	rdb, err := OpenRedis(cfg)
	require.NoError(t, err)
	defer func() { _ = rdb.Close() }()
	d, err := redisdb.RequireDurable(t.Context(), rdb, false)
	require.NoError(t, err)
	require.Len(t, d.Warnings, 3, "one for each node: its append-only file is synced every second")
	address, err := redisurl.Parse(env.URL)
	require.NoError(t, err)
	require.Contains(t, d.Warnings[0], "appendfsync is everysec")

	// Settings of one node are enough to be refused.
	node := redis.NewClient(&redis.Options{Addr: address.Hosts[2]})
	defer func() { _ = node.Close() }()
	require.NoError(t, node.ConfigSet(t.Context(), "maxmemory-policy", "allkeys-lru").Err())
	_, err = redisdb.RequireDurable(t.Context(), rdb, false)
	require.ErrorContains(t, err, address.Hosts[2]+": maxmemory-policy is allkeys-lru")

	// One node is not the Cluster.
	cfg.RedisURL = secret.New("redis://" + address.Hosts[0])
	single, err := OpenRedis(cfg)
	require.NoError(t, err)
	defer func() { _ = single.Close() }()
	_, err = redisdb.RequireDurable(t.Context(), single, false)
	require.ErrorContains(t, err, "must start with redis+cluster://")

	_, err = OpenRedis(config.Config{RedisURL: secret.New(env.URL), RedisWaitReplicas: 1})
	require.ErrorContains(t, err, "PLUGIN_REDIS_WAIT_REPLICAS: not with a Cluster")
}
