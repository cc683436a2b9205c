package redistest

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	slots = 16384
	nodes = 3
)

// Cluster starts a Redis Cluster of three masters on loopback, which ends
// with the test. It skips the test where no redis-server is on the PATH.
func Cluster(tb testing.TB) Env {
	tb.Helper()
	servers := make([]*Server, nodes)
	clients := make([]redis.UniversalClient, nodes)
	buses, addrs := make([]string, nodes), make([]string, nodes)
	for i := range servers {
		buses[i] = freePort(tb)
		servers[i] = Start(tb, "--cluster-enabled", "yes", "--cluster-node-timeout", "5000", "--cluster-port", buses[i])
		addrs[i] = servers[i].Addr
		clients[i] = client(tb, "redis://"+addrs[i])
	}
	ctx, cancel := context.WithTimeout(context.Background(), settleLimit)
	defer cancel()
	do := func(c redis.UniversalClient, args ...any) {
		if err := c.Do(ctx, args...).Err(); err != nil {
			tb.Fatalf("redistest: %v: %v", args, err)
		}
	}
	host, port, _ := net.SplitHostPort(addrs[0])
	for i, c := range clients {
		do(c, "cluster", "set-config-epoch", i+1)
		do(c, "cluster", "addslotsrange", i*slots/nodes, (i+1)*slots/nodes-1)
		if i > 0 {
			do(c, "cluster", "meet", host, port, buses[0])
		}
	}
	for i, c := range clients {
		servers[i].await(tb, settleLimit, "the cluster does not come together", func(ctx context.Context) bool {
			info := c.ClusterInfo(ctx).Val()
			return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, fmt.Sprintf("cluster_known_nodes:%d", nodes))
		})
	}
	c := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs})
	tb.Cleanup(func() { _ = c.Close() })
	tb.Logf("running on a Cluster of %d nodes", nodes)
	return Env{
		Client: c, URL: "redis+cluster://" + strings.Join(addrs, ","),
		advance: func(time.Duration) { tb.Skip("a real server's time cannot be moved") },
	}
}

// Watched is a master with one replica behind a Link, and three Sentinels.
type Watched struct {
	Master, Replica *Server
	// Link is what the replica hears of the master through.
	Link *Link
	// URL names the Sentinels.
	URL string
}

// DownAfter is how long a master must be silent before the Sentinels of
// Watch replace it.
const DownAfter = time.Second

// Watch starts a master, a replica and three Sentinels on loopback, which end
// with the test. args are settings of both servers. It skips the test where no
// redis-server is on the PATH.
func Watch(tb testing.TB, args ...string) Watched {
	tb.Helper()
	w := Watched{Master: Start(tb, append([]string{"--repl-ping-replica-period", "1", "--repl-diskless-sync-delay", "0"}, args...)...)}
	w.Link = newLink(tb, w.Master.Addr)
	host, port, _ := net.SplitHostPort(w.Link.Addr())
	w.Replica = Start(tb, append([]string{"--replicaof", host + " " + port, "--repl-ping-replica-period", "1"}, args...)...)
	master := client(tb, "redis://"+w.Master.Addr)
	w.Master.await(tb, settleLimit, "the replica does not follow", func(ctx context.Context) bool {
		return strings.Contains(master.Info(ctx, "replication").Val(), "state=online")
	})
	host, port, _ = net.SplitHostPort(w.Master.Addr)
	var addrs []string
	for range 3 {
		dir, own := shortDir(tb), freePort(tb)
		conf := filepath.Join(dir, "sentinel.conf")
		text := fmt.Sprintf("port %s\nbind 127.0.0.1\ndir %s\nsentinel monitor watched %s %s 2\nsentinel down-after-milliseconds watched %d\nsentinel failover-timeout watched 10000\n",
			own, dir, host, port, DownAfter.Milliseconds())
		if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
			tb.Fatalf("redistest: %v", err)
		}
		s := run(tb, dir, conf, "--sentinel")
		s.Addr = net.JoinHostPort("127.0.0.1", own)
		addrs = append(addrs, s.Addr)
		c := redis.NewSentinelClient(&redis.Options{Addr: s.Addr})
		tb.Cleanup(func() { _ = c.Close() })
		s.await(tb, settleLimit, "the Sentinel does not see the replica", func(ctx context.Context) bool {
			m := c.Master(ctx, "watched").Val()
			return m["num-slaves"] == "1"
		})
	}
	for _, addr := range addrs {
		c := redis.NewSentinelClient(&redis.Options{Addr: addr})
		tb.Cleanup(func() { _ = c.Close() })
		w.Master.await(tb, settleLimit, "the Sentinels do not see each other", func(ctx context.Context) bool {
			return c.Master(ctx, "watched").Val()["num-other-sentinels"] == "2"
		})
	}
	w.URL = "redis+sentinel://" + strings.Join(addrs, ",") + "/watched"
	return w
}
