// Package jsonlimit bounds a JSON text before it is decoded. A bound on bytes is
// not enough: the three bytes of "{}," become hundreds in memory. So it counts
// the values of a text, and how deep they are nested.
//
// What must not live here: what a text means, and which limits are right for
// it. Callers name the limits for each kind of text.
package jsonlimit

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// MaxDepth is how many objects and lists may be nested where Limits do not say
// otherwise.
const MaxDepth = 64

// Limits bound a JSON text.
type Limits struct {
	// Values is the most values of every kind: objects, lists, texts, numbers,
	// true, false and null. The names of an object's members are no values. It
	// is at least 1.
	Values int
	// Depth is how many objects and lists may be nested; MaxDepth if zero.
	Depth int
}

// What is counted, as ExceededError names it.
const (
	Values = "values"
	Levels = "levels"
)

// ExceededError is the error for a text that holds more than it may.
type ExceededError struct {
	// What is Values or Levels, and Limit how many there may be.
	What  string
	Limit int
	// At is the byte of the first one too many. What stands before it is not a
	// whole JSON text.
	At int
}

func (e *ExceededError) Error() string { return fmt.Sprintf("more than %d %s", e.Limit, e.What) }

// Scan counts the values of a text. It returns an *ExceededError for the first
// value beyond the limits, and reads no further. It allocates nothing else, and
// does not check whether the text is JSON.
func (l Limits) Scan(text []byte) (values int, err error) {
	depth, most := 0, l.Depth
	if most == 0 {
		most = MaxDepth
	}
	for at := 0; at < len(text); {
		begin, opens := at, false
		switch text[at] {
		case ' ', '\t', '\n', '\r', ',', ':':
			at++
			continue
		case '}', ']':
			at++
			depth--
			continue
		case '{', '[':
			at, opens = at+1, true
		case '"':
			if at = textEnd(text, at+1); follows(text, at, ':') {
				continue // the name of a member
			}
		default:
			at = plainEnd(text, at+1)
		}
		if values++; bounded && values > l.Values {
			return values, &ExceededError{What: Values, Limit: l.Values, At: begin}
		}
		if opens {
			if depth++; bounded && depth > most {
				return values, &ExceededError{What: Levels, Limit: most, At: begin}
			}
		}
	}
	return values, nil
}

// textEnd is the byte behind the quote that ends a text. It passes over every
// byte once for quotes and once for backslashes, however many of both there are.
func textEnd(text []byte, at int) int {
	quote := -1
	for {
		if quote < at {
			next := bytes.IndexByte(text[at:], '"')
			if next < 0 {
				return len(text)
			}
			quote = at + next
		}
		slash := bytes.IndexByte(text[at:quote], '\\')
		if slash < 0 {
			return quote + 1
		}
		at = min(at+slash+2, len(text)) // whatever it escapes ends nothing
	}
}

// plainEnd is the byte behind a number or a word.
func plainEnd(text []byte, at int) int {
	for at < len(text) {
		switch text[at] {
		case ' ', '\t', '\n', '\r', ',', ':', '{', '}', '[', ']', '"':
			return at
		}
		at++
	}
	return at
}

// follows reports whether c comes next, white space aside.
func follows(text []byte, at int, c byte) bool {
	for at < len(text) && (text[at] == ' ' || text[at] == '\t' || text[at] == '\n' || text[at] == '\r') {
		at++
	}
	return at < len(text) && text[at] == c
}

// Unmarshal is json.Unmarshal for a text within limits. For any other one it
// returns Scan's error, and out is left alone.
func (l Limits) Unmarshal(text []byte, out any) error {
	if _, err := l.Scan(text); err != nil {
		return err
	}
	return json.Unmarshal(text, out)
}
