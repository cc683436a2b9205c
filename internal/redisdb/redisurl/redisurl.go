// Package redisurl reads the address of a Redis: one server, one that
// Sentinels watch, or a Cluster.
//
//	redis://[[user]:password@]host[:6379][/db]
//	rediss://...                                       the same over TLS
//	unix://[[user]:password@]/path[?db=N]
//	redis+sentinel://[[user]:password@]h1[:26379],h2,h3/name[?db=N]
//	redis+cluster://[[user]:password@]h1[:6379],h2,h3
//
// rediss+sentinel and rediss+cluster are over TLS, to the Sentinels as well.
// Sentinels with a password of their own have it in the query, as
// sentinel_username and sentinel_password.
//
// What must not live here: a client.
package redisurl

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// Kind is the kind of Redis at an address.
type Kind uint8

// The kinds.
const (
	Single Kind = iota
	Sentinel
	Cluster
)

// Address is a parsed address. It holds passwords: never log it.
type Address struct {
	Kind Kind
	// Socket is the path of a Unix socket; Hosts is empty then.
	Socket string
	// Hosts are "host:port" of the server, the Sentinels, or nodes of the
	// Cluster.
	Hosts []string
	// Master is the name by which the Sentinels know the server.
	Master string
	DB     int

	Username, Password                 string
	SentinelUsername, SentinelPassword string

	TLS bool
}

const (
	defaultPort  = "6379"
	sentinelPort = "26379"
	// maxHosts bounds the hosts of one address.
	maxHosts = 32
	maxPort  = 65535
)

// Parse reads an address. Its errors say what is wrong and repeat nothing of
// it, since it may hold a password.
func Parse(text string) (Address, error) {
	var a Address
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return a, unknownScheme()
	}
	if scheme == "unix" {
		return a, a.socket(text)
	}
	base, kind, _ := strings.Cut(scheme, "+")
	port := defaultPort
	switch kind {
	case "":
	case "sentinel":
		a.Kind, port = Sentinel, sentinelPort
	case "cluster":
		a.Kind = Cluster
	default:
		return a, unknownScheme()
	}
	if base != "redis" && base != "rediss" {
		return a, unknownScheme()
	}
	a.TLS = base == "rediss"
	// net/url knows one host with one port: the hosts are taken out first.
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	user, hosts := "", rest[:end]
	if at := strings.LastIndexByte(hosts, '@'); at >= 0 {
		user, hosts = hosts[:at+1], hosts[at+1:]
	}
	if err := a.hosts(hosts, port); err != nil {
		return a, err
	}
	u, err := url.Parse(scheme + "://" + user + "host" + rest[end:])
	if err != nil {
		return a, errors.New("is not a URL (a password with special characters must be percent-encoded)")
	}
	return a, a.details(u)
}

func unknownScheme() error {
	return errors.New("must start with redis://, rediss:// or unix://, or with redis+sentinel:// or redis+cluster:// (rediss+… over TLS)")
}

func (a *Address) socket(text string) error {
	u, err := url.Parse(text)
	if err != nil {
		return errors.New("is not a URL (a password with special characters must be percent-encoded)")
	}
	if u.Host != "" || u.Path == "" {
		return errors.New("must name a socket by its full path: unix:///run/redis.sock")
	}
	a.Socket = u.Path
	u.Path = ""
	return a.details(u)
}

// hosts reads "h1:port,h2,...".
func (a *Address) hosts(list, port string) error {
	for part := range strings.SplitSeq(list, ",") {
		host, given, err := net.SplitHostPort(part)
		if err != nil { // without a port, perhaps
			host, given = strings.TrimSuffix(strings.TrimPrefix(part, "["), "]"), port
			if strings.Contains(host, ":") && host == part { // an IPv6 address needs its brackets
				return errors.New("has a host that is not host or host:port")
			}
		}
		n, err := strconv.Atoi(given)
		switch {
		case host == "":
			return errors.New("names no host")
		case err != nil || n < 1 || n > maxPort:
			return fmt.Errorf("has a port that is not between 1 and %d", maxPort)
		}
		a.Hosts = append(a.Hosts, net.JoinHostPort(host, given))
	}
	switch {
	case a.Kind == Single && len(a.Hosts) > 1:
		return errors.New("names several hosts: redis+sentinel:// or redis+cluster:// says what they are")
	case len(a.Hosts) > maxHosts:
		return fmt.Errorf("names more than %d hosts", maxHosts)
	}
	return nil
}

// details reads what stands around the hosts.
func (a *Address) details(u *url.URL) error {
	if u.Fragment != "" {
		return errors.New("must not have a fragment (#)")
	}
	a.Username = u.User.Username()
	a.Password, _ = u.User.Password()
	path := strings.Trim(u.Path, "/")
	var db string
	switch a.Kind {
	case Single:
		db = path
	case Sentinel:
		a.Master = path
		if path == "" || strings.Contains(path, "/") {
			return errors.New("must end with the name by which the Sentinels know the server, as in redis+sentinel://s1,s2,s3/mymaster")
		}
	case Cluster:
		if path != "" {
			return errors.New("must not name a database: a Cluster has one")
		}
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return errors.New("has a query (?) that cannot be read")
	}
	for name, values := range query {
		if len(values) != 1 {
			return errors.New("has an option twice in its query (?)")
		}
		switch {
		case name == "db" && a.Kind != Cluster && db == "":
			db = values[0]
		case name == "sentinel_username" && a.Kind == Sentinel:
			a.SentinelUsername = values[0]
		case name == "sentinel_password" && a.Kind == Sentinel:
			a.SentinelPassword = values[0]
		default:
			return fmt.Errorf("has an option in its query (?) that is not known here: there are %s", strings.Join(a.options(), ", "))
		}
	}
	if db != "" {
		if a.DB, err = strconv.Atoi(db); err != nil || a.DB < 0 {
			return errors.New("must end with the number of a database, as in redis://host:6379/0")
		}
	}
	return nil
}

func (a *Address) options() []string {
	switch a.Kind {
	case Sentinel:
		return []string{"db", "sentinel_username", "sentinel_password"}
	case Cluster:
		return []string{"none"}
	default:
		return []string{"db"}
	}
}
