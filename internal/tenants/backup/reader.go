package backup

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"time"

	"pushbutton/internal/connections"
	"pushbutton/internal/tenants"
)

// taker is given a file's content in its order. Its errors end the reading.
type taker interface {
	head(header, tenants.Tenant) error
	integration(tenants.Integration) error
	connection(connections.Entry) error
}

// read reads the inner form to its end and passes what it holds to a taker,
// checked line by line. That the file is complete is known only when read has
// returned without an error. Errors that are the file's are fault.Invalid, name
// the line, and repeat nothing of it; others are the taker's, or those of the
// io.Reader.
func read(r io.Reader, to taker) (Content, error) {
	s := &scanner{in: bufio.NewReaderSize(r, 64<<10), to: to, names: map[string]bool{}, ids: map[string]bool{}}
	for {
		raw, err := s.next()
		if err != nil {
			return s.content, err
		}
		l, err := s.decode(raw)
		if err != nil {
			return s.content, err
		}
		done, err := s.take(l)
		if done || err != nil {
			return s.content, err
		}
	}
}

// scanner is how far a reading is.
type scanner struct {
	in      *bufio.Reader
	to      taker
	n       int64 // lines so far
	head    header
	part    part
	content Content
	// names and ids are of the integrations that were read.
	names, ids map[string]bool
}

// part is which line has to come next at the earliest.
type part uint8

const (
	atHeader part = iota
	atTenant
	atIntegrations
	atConnections
)

func (s *scanner) invalid(message string) error {
	return invalidFile("Line %d of the file %s.", s.n, message)
}

// next reads a line without its end.
func (s *scanner) next() ([]byte, error) {
	s.n++
	var whole []byte
	for {
		part, err := s.in.ReadSlice('\n')
		if len(whole)+len(part) > MaxLine+1 {
			return nil, s.invalid("is too long")
		}
		switch {
		case err == nil && whole == nil:
			return bytes.TrimSuffix(part, []byte("\n")), nil
		case err == nil:
			return bytes.TrimSuffix(append(whole, part...), []byte("\n")), nil
		case errors.Is(err, bufio.ErrBufferFull):
			whole = append(whole, part...)
		case errors.Is(err, io.EOF):
			return nil, invalidFile("The file ends too early: its end is missing after line %d.", s.n-1)
		default:
			return nil, err
		}
	}
}

// decode reads a line strictly: what this version does not know would be lost.
// The first is read twice, since a newer one may have more in it.
func (s *scanner) decode(raw []byte) (line, error) {
	if s.part == atHeader {
		var first struct {
			Header struct {
				Format  string `json:"format"`
				Version int    `json:"version"`
			} `json:"header"`
		}
		switch err := json.Unmarshal(raw, &first); {
		case err != nil || first.Header.Format != format:
			return line{}, invalidFile("The file holds no exported tenant.")
		case first.Header.Version > Version:
			return line{}, invalidFile("The file is of version %d, and this plugin reads up to version %d: import it with a newer plugin.", first.Header.Version, Version)
		case first.Header.Version < 1:
			return line{}, invalidFile("The file is of no known version.")
		}
	}
	var l line
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return line{}, s.invalid("cannot be read") // the cause may repeat some of it
	}
	if d.InputOffset() != int64(len(raw)) {
		return line{}, s.invalid("has more than it should")
	}
	return l, nil
}

// take checks a line and passes it on; done means that it was the last.
func (s *scanner) take(l line) (done bool, err error) {
	there := 0
	for _, is := range []bool{l.Header != nil, l.Tenant != nil, l.Integration != nil, l.Connection != nil, l.Trailer != nil} {
		if is {
			there++
		}
	}
	switch {
	case there != 1:
		return false, s.invalid("is not one thing")
	case l.Header != nil && s.part == atHeader:
		return false, s.takeHeader(*l.Header)
	case l.Tenant != nil && s.part == atTenant:
		s.part = atIntegrations
		return false, s.takeTenant(l.Tenant)
	case l.Integration != nil && s.part == atIntegrations:
		return false, s.takeIntegration(l.Integration)
	case l.Connection != nil && s.part >= atIntegrations:
		s.part = atConnections
		return false, s.takeConnection(l.Connection)
	case l.Trailer != nil && s.part >= atIntegrations:
		return true, s.takeTrailer(*l.Trailer)
	default:
		return false, s.invalid("is out of its place")
	}
}

func (s *scanner) takeHeader(h header) error {
	switch {
	case !tenants.ValidTenantID(h.Tenant):
		return s.invalid("names no tenant that could be one")
	case !validFileID(h.ID) || !writable(h.Exported):
		return s.invalid("cannot be a header")
	}
	s.head, s.part = h, atTenant
	s.content.Tenant, s.content.Exported = h.Tenant, h.Exported
	return nil
}

// writable reports whether a time can be written as JSON.
func writable(t time.Time) bool { return !t.IsZero() && t.Year() > 0 && t.Year() < 10_000 }

func (s *scanner) takeTenant(w *tenant) error {
	t := w.of(s.head.Tenant)
	if wrong := t.Check(); len(wrong) > 0 {
		return s.invalid("has a tenant whose " + wrong[0].Field + " cannot be right")
	}
	return s.to.head(s.head, t)
}

func (s *scanner) takeIntegration(w *integration) error {
	if field := w.wrong(); field != "" {
		return s.invalid("has an integration whose " + field + " cannot be right")
	}
	if s.names[w.Name] || s.ids[w.ID] {
		return s.invalid("has an integration that was there before")
	}
	if s.content.Integrations == tenants.MaxIntegrations {
		return s.invalid("has an integration too many")
	}
	s.names[w.Name], s.ids[w.ID] = true, true
	s.content.Integrations++
	return s.to.integration(w.of(s.head.Tenant))
}

func (s *scanner) takeConnection(w *connection) error {
	if !s.ids[w.Integration] {
		return s.invalid("has a connection of an integration that is not in the file")
	}
	e := w.of(s.head.Tenant)
	if err := e.Check(); err != nil {
		return s.invalid("cannot be right: " + err.Error())
	}
	if s.content.Connections == MaxConnections {
		return s.invalid("has a connection too many")
	}
	s.content.Connections++
	if e.Record.Step != connections.Idle {
		s.content.Unfinished++
	}
	return s.to.connection(e)
}

func (s *scanner) takeTrailer(t trailer) error {
	if t.Integrations != s.content.Integrations || t.Connections != s.content.Connections {
		return invalidFile("The file is incomplete: its end counts %d integrations and %d connections, and there are %d and %d.",
			t.Integrations, t.Connections, s.content.Integrations, s.content.Connections)
	}
	switch _, err := s.in.ReadByte(); {
	case err == nil:
		return invalidFile("Something follows the end of the file.")
	case !errors.Is(err, io.EOF):
		return err
	}
	return nil
}
