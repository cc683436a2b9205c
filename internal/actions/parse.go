package actions

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"strings"

	"github.com/google/uuid"

	"pushbutton/internal/connections"
	"pushbutton/internal/fault"
	"pushbutton/internal/pbapi"
)

// RequestError says what is wrong with a request, and where: Pointer is a
// JSON Pointer (RFC 6901) into its body, empty for the whole.
type RequestError struct {
	Pointer string
	Detail  string
}

func (e *RequestError) Error() string {
	if e.Pointer == "" {
		return e.Detail
	}
	return e.Pointer + ": " + e.Detail
}

func invalid(pointer, format string, args ...any) error {
	detail := fmt.Sprintf(format, args...)
	return &fault.Error{Op: "read notification", Kind: fault.Invalid, Public: detail, Err: &RequestError{Pointer: pointer, Detail: detail}}
}

// click is a verified notification: ids in lower case, the trigger known.
type click struct {
	trigger pbapi.Trigger
	entity  string
	by      connections.Person
}

func (c click) name() string {
	if c.trigger == "" {
		return "unknown"
	}
	return string(c.trigger)
}

// parse is strict about what decides (ids, trigger, the path's integration)
// and tolerant of everything else. It reads no address: every one we need is
// built from our own configuration.
func parse(req Request, productboardID string) (click, error) {
	if media, _, err := mime.ParseMediaType(req.ContentType); err != nil || media != "application/json" {
		return click{}, invalid("", "The content type must be application/json.")
	}
	if len(req.Body) > MaxBody {
		return click{}, invalid("", "The body is larger than %d bytes.", MaxBody)
	}
	var n pbapi.ActionNotification
	dec := json.NewDecoder(bytes.NewReader(req.Body))
	if err := dec.Decode(&n); err != nil {
		return click{}, decodeFault(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return click{}, invalid("", "The body holds more than one JSON value.")
	}
	integration, err := parseUUID("/data/integrationId", n.Data.IntegrationID)
	if err != nil {
		return click{}, err
	}
	entity, err := parseUUID("/data/feature/id", n.Data.Feature.ID)
	if err != nil {
		return click{}, err
	}
	c := click{trigger: n.Data.Trigger, entity: entity}
	switch c.trigger {
	case pbapi.TriggerPush, pbapi.TriggerUnlink, pbapi.TriggerDismiss:
	case "":
		return click{}, invalid("/data/trigger", "The trigger is missing.")
	default:
		return click{}, invalid("/data/trigger", "The trigger must be button.push, button.unlink or button.dismiss.")
	}
	if productboardID == "" {
		return c, &fault.Error{Op: "read notification", Kind: fault.Unavailable, Side: fault.SidePlugin,
			Public: "The integration is still being registered. Try again in a minute."}
	}
	if !strings.EqualFold(integration, productboardID) {
		return click{}, invalid("/data/integrationId", "The integration is not the one of this address.")
	}
	if u := n.Data.TriggeredByUser; u != nil {
		c.by = connections.Person{Name: u.Name, Email: u.Email}
	}
	return c, nil
}

// decodeFault says what is wrong with a body without repeating any of it.
func decodeFault(err error) error {
	if wrongType, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		pointer := ""
		if wrongType.Field != "" {
			pointer = "/" + strings.ReplaceAll(wrongType.Field, ".", "/")
		}
		return invalid(pointer, "The value has the wrong type: %s is not a %s.", wrongType.Value, wrongType.Type.Kind())
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return invalid("", "The body is not valid JSON (at byte %d).", syntax.Offset)
	}
	return invalid("", "The body is not valid JSON.")
}

func parseUUID(pointer, s string) (string, error) {
	if s == "" {
		return "", invalid(pointer, "The id is missing.")
	}
	id, err := uuid.Parse(s)
	if err != nil || len(s) != 36 {
		return "", invalid(pointer, "The id is not a UUID.")
	}
	return id.String(), nil
}
