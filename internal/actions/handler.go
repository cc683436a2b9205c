package actions

import (
	"errors"
	"io"
	"net/http"

	"github.com/labstack/echo/v4"

	"pushbutton/internal/fault"
	"pushbutton/internal/pbapi"
	"pushbutton/internal/tenants"
)

type stateFields struct {
	Connection pbapi.ConnectionState `json:"connection"`
}

// answerV2 and answerV1 are the two shapes of an answer.
type (
	answerV2 struct {
		Data struct {
			Fields stateFields `json:"fields"`
		} `json:"data"`
	}
	answerV1 struct {
		Data stateFields `json:"data"`
	}
)

func (a Answer) body() any {
	if a.Shape == tenants.AnswerV1 {
		return answerV1{Data: stateFields{a.State}}
	}
	var v2 answerV2
	v2.Data.Fields.Connection = a.State
	return v2
}

// Handler serves the action notification over HTTP.
func (r *Receiver) Handler() echo.HandlerFunc {
	return func(c echo.Context) error {
		req := c.Request()
		body, err := io.ReadAll(http.MaxBytesReader(c.Response(), req.Body, MaxBody))
		if err != nil {
			if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
				return fault.New(fault.Invalid, "read notification", "The body is larger than 65536 bytes.")
			}
			return fault.Wrap(fault.Invalid, "read notification", err)
		}
		answer, err := r.Receive(req.Context(), Request{
			Integration:   c.Param("id"),
			Authorization: req.Header.Get("Authorization"),
			ContentType:   req.Header.Get("Content-Type"),
			Body:          body,
		})
		if err != nil {
			return err
		}
		return c.JSON(http.StatusOK, answer.body())
	}
}
