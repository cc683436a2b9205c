package pbapi

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"pushbutton/internal/fault"
)

// checkUUID refuses an id that is not a UUID in its one usual form, so that
// nothing else gets into a path.
func checkUUID(op, field, id string) *fault.Error {
	if len(id) == 36 && uuid.Validate(id) == nil {
		return nil
	}
	return invalidRequest(op, field+" is not a UUID.")
}

// check collects what is wrong with a request, field by field.
type check []string

func (c *check) add(field, format string, args ...any) {
	*c = append(*c, field+": "+fmt.Sprintf(format, args...))
}

// length wants least to most characters (code points, as JSON Schema counts).
func (c *check) length(field, s string, least, most int) {
	switch n := utf8.RuneCountInString(s); {
	case n < least && s == "":
		c.add(field, "must not be empty")
	case n < least:
		c.add(field, "%d characters, at least %d are needed", n, least)
	case n > most:
		c.add(field, "%d characters, at most %d are allowed", n, most)
	}
}

func (c *check) oneOf(field, s string, allowed ...string) {
	if !slices.Contains(allowed, s) {
		c.add(field, "must be one of %s", strings.Join(allowed, ", "))
	}
}

// web wants an absolute address with one of the schemes.
func (c *check) web(field, s string, most int, schemes ...string) {
	c.length(field, s, 1, most)
	if u, err := url.Parse(s); s != "" && (err != nil || u.Host == "" || !slices.Contains(schemes, u.Scheme)) {
		c.add(field, "must be a URL that begins with %s://", strings.Join(schemes, ":// or "))
	}
}

// err is nil if nothing was wrong.
func (c check) err(op string) error {
	if len(c) == 0 {
		return nil
	}
	return invalidRequest(op, strings.Join(c, "; "))
}
