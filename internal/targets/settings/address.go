package settings

import (
	"fmt"
	"net"
	"net/url"
	"strings"
)

// Address is an address that settings lead to.
type Address struct {
	// Path is the setting that says so ("settings.url").
	Path string
	URL  string
	// Credentials names those that are sent there; nil: any of them may be.
	Credentials []string
}

// Origin is an address' scheme, host and port in the one way to write them;
// an address that cannot be read is its own.
func (a Address) Origin() string { return origin(a.URL) }

func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return address
	}
	scheme, port := strings.ToLower(u.Scheme), u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[scheme]
	}
	return scheme + "://" + net.JoinHostPort(strings.ToLower(strings.TrimSuffix(u.Hostname(), ".")), port)
}

// Addresses lists the addresses that settings name, nested ones too, and
// apart those of them that an admin gave: what is a setting's default is the
// vendor's own, and may not even be used.
func Addresses(path string, fields []Field, values Values) (all, given []Address) {
	nested := func(path string, f Field, v Values) {
		a, g := Addresses(path, f.Fields, v)
		all, given = append(all, a...), append(given, g...)
	}
	for _, f := range fields {
		at := path + "." + f.Name
		switch f.Type {
		case TypeURL:
			a := Address{Path: at, URL: values.String(f.Name)}
			if a.URL == "" {
				continue
			}
			if all = append(all, a); a.URL != f.Default {
				given = append(given, a)
			}
		case TypeObject:
			nested(at, f, values.Object(f.Name))
		case TypeObjects:
			for i, v := range values.Objects(f.Name) {
				nested(fmt.Sprintf("%s[%d]", at, i), f, v)
			}
		case TypeString, TypeBool, TypeInt, TypeList, TypeMap:
		}
	}
	return all, given
}
