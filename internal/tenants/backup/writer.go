package backup

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/tenants"
)

// writer writes the inner form. The order of its calls is that of the lines.
type writer struct {
	w    *bufio.Writer
	tail trailer
}

func newWriter(w io.Writer) *writer { return &writer{w: bufio.NewWriter(w)} }

func (w *writer) head(h header, t tenants.Tenant) error {
	if err := w.line(line{Header: &h}); err != nil {
		return err
	}
	return w.line(line{Tenant: wireTenant(t)})
}

func (w *writer) integration(in tenants.Integration) error {
	w.tail.Integrations++
	return w.line(line{Integration: wireIntegration(in)})
}

func (w *writer) connection(e connections.Entry) error {
	w.tail.Connections++
	return w.line(line{Connection: wireConnection(e)})
}

// end writes the trailer, without which the rest is worth nothing.
func (w *writer) end() error {
	if err := w.line(line{Trailer: &w.tail}); err != nil {
		return err
	}
	return unwritten(w.w.Flush())
}

func (w *writer) line(l line) error {
	raw, err := json.Marshal(l)
	if err != nil {
		return fault.Wrap(fault.Internal, opExport, err)
	}
	if len(raw) > MaxLine {
		return fault.New(fault.Invalid, opExport, fmt.Sprintf("Something is larger than the %d bytes that an import reads.", MaxLine))
	}
	_, err = w.w.Write(append(raw, '\n'))
	return unwritten(err)
}

// unwritten says that whoever takes the file failed.
func unwritten(err error) error {
	if err == nil {
		return nil
	}
	return &fault.Error{Op: opExport, Kind: fault.Unavailable, Public: "The file cannot be written.", Err: err}
}
