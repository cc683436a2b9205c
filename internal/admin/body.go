package admin

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"pushbutton/internal/limits/jsonlimit"
	"pushbutton/internal/limits/memory"
)

// What a body weighs in memory, in bytes: it is there as text, twice while its
// buffer grows, and as the handler's struct. A value of the tree that the schema
// is held against was measured as half of an object with one member.
const (
	byteWeight  = 3
	valueWeight = 200
)

// receive reads a body within the route's bounds. Its values are counted before
// anything is made of them.
func (a *API) receive(ctx context.Context, r Route, c echo.Context) ([]byte, error) {
	most := cmp.Or(r.MaxBody, defaultBody)
	tooLarge := newProblem(ProblemTooLarge, fmt.Sprintf("This takes a body of at most %d bytes.", most))
	req := c.Request()
	length := req.ContentLength
	switch {
	case length > int64(most):
		return nil, tooLarge
	case length < 0:
		length = int64(most)
	}
	weighs := byteWeight * length
	if err := memory.Take(ctx, weighs); err != nil {
		return nil, err
	}
	var body bytes.Buffer
	_, err := body.ReadFrom(http.MaxBytesReader(c.Response(), req.Body, int64(most)))
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
		return nil, tooLarge
	case err != nil:
		return nil, malformed("The body ends too early.", "cannot be read", err)
	}
	raw := body.Bytes()
	values, err := jsonlimit.Limits{Values: cmp.Or(r.MaxValues, defaultValues)}.Scan(raw)
	if err != nil {
		return nil, malformed("The body has "+err.Error()+".", "has "+err.Error(), err)
	}
	memory.Give(ctx, weighs) // so that nobody waits for more while he has some
	return raw, memory.Take(ctx, byteWeight*int64(len(raw))+valueWeight*int64(values))
}
