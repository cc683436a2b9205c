package redisurl

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/proof/boundtest"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Address{
		"redis://redis":                        {Hosts: []string{"redis:6379"}},
		"redis://redis:1/3":                    {Hosts: []string{"redis:1"}, DB: 3},
		"redis://redis:1/?db=3":                {Hosts: []string{"redis:1"}, DB: 3},
		"rediss://u:p%40w@r.example.com/0":     {Hosts: []string{"r.example.com:6379"}, Username: "u", Password: "p@w", TLS: true},
		"redis://:p@[::1]:6380":                {Hosts: []string{"[::1]:6380"}, Password: "p"},
		"redis://[::1]":                        {Hosts: []string{"[::1]:6379"}},
		"unix:///run/redis.sock":               {Socket: "/run/redis.sock"},
		"unix://u:p@/run/redis.sock?db=2":      {Socket: "/run/redis.sock", Username: "u", Password: "p", DB: 2},
		"redis+sentinel://s1,s2:1,s3/m":        {Kind: Sentinel, Hosts: []string{"s1:26379", "s2:1", "s3:26379"}, Master: "m"},
		"rediss+sentinel://u:p@s1:2,s2/m?db=4": {Kind: Sentinel, Hosts: []string{"s1:2", "s2:26379"}, Master: "m", DB: 4, Username: "u", Password: "p", TLS: true},
		"redis+sentinel://s/m?sentinel_password=x%26y&sentinel_username=w": {Kind: Sentinel, Hosts: []string{"s:26379"}, Master: "m", SentinelUsername: "w", SentinelPassword: "x&y"},
		"redis+cluster://:p@n1:7000,n2:7001,n3":                            {Kind: Cluster, Hosts: []string{"n1:7000", "n2:7001", "n3:6379"}, Password: "p"},
		"rediss+cluster://n1/":                                             {Kind: Cluster, Hosts: []string{"n1:6379"}, TLS: true},
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			got, err := Parse(text)
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
}

func TestParseSaysWhatIsWrongAndRepeatsNothing(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                 "must start with",
		"redis":                            "must start with",
		"http://hunter2":                   "must start with",
		"redis+ring://hunter2":             "must start with",
		"redis://":                         "names no host",
		"redis://:hunter2@":                "names no host",
		"redis+sentinel://hunter2,,b/m":    "names no host",
		"redis://hunter2:0":                "port",
		"redis://hunter2:port":             "port",
		"redis://hunter2:70000":            "port",
		"redis://a::hunter2":               "host or host:port",
		"redis://a,hunter2":                "several hosts",
		"redis://:hunter2@a/two":           "number of a database",
		"redis://:hunter2@a/-1":            "number of a database",
		"redis://:hunter2@a/?pool_size=3":  "not known here: there are db",
		"redis://:hunter2@a/1?db=2":        "not known here",
		"redis://:hunter2@a/?db=1&db=2":    "twice",
		"redis://:hunter2@a/#x":            "fragment",
		"redis://:hunter2%zz@a":            "is not a URL",
		"redis://a/?%zz":                   "cannot be read",
		"unix://hunter2/sock":              "full path",
		"unix://":                          "full path",
		"redis+sentinel://:hunter2@a":      "name by which the Sentinels",
		"redis+sentinel://:hunter2@a/m/0":  "name by which the Sentinels",
		"redis+cluster://:hunter2@a/1":     "must not name a database",
		"redis+cluster://:hunter2@a/?db=1": "not known here",
		"redis+cluster://" + strings.Repeat("a,", 40) + "a": "more than 32 hosts",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			_, err := Parse(text)
			require.ErrorContains(t, err, want)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add("redis+sentinel://u:p@s1:26379,s2/m?db=1")
	f.Add("unix://u:p@/run/x?db=1")
	f.Add(boundtest.Fill("redis+cluster://", "a,", "a"))
	f.Add(boundtest.Fill("redis://a?", "db=1&", "db=1"))
	f.Add(boundtest.Fill("redis://u:", "%25", "@a"))
	f.Fuzz(func(t *testing.T, text string) {
		var a Address
		var err error
		boundtest.Memory(t, len(text), boundtest.Limit{Base: 4 << 10, PerByte: 120}, func() { a, err = Parse(text) })
		if err != nil {
			return
		}
		require.True(t, a.Socket != "" || len(a.Hosts) > 0)
		require.GreaterOrEqual(t, a.DB, 0)
		require.Equal(t, a.Kind == Sentinel, a.Master != "")
	})
}
