package targets

import (
	"pushbutton/internal/fault"
	"pushbutton/internal/secret"
)

const opReadShared = "read shared webhook"

// ReadShared reads an app's one webhook; see SharedHook. A body beyond MaxHook or
// maxHookValues is fault.Invalid before anything reads it. A webhook of a tracker
// that has none is fault.NotFound.
func (k Kind) ReadShared(signing secret.String, h Hook) (SharedEvents, error) {
	if k.SharedHook == nil {
		return SharedEvents{}, &fault.Error{Op: opReadShared, Kind: fault.NotFound, Public: k.Title + " sends no webhooks of a whole app."}
	}
	var shared SharedEvents
	bounded := Kind{Title: k.Title, Driver: sharedReader{read: func() (err error) {
		shared, err = k.SharedHook(signing, h)
		return err
	}, events: &shared}}
	if _, err := bounded.ReadHook(signing, h); err != nil {
		return SharedEvents{}, err
	}
	return shared, nil
}

// sharedReader has a shared webhook go through the bounds of any other.
type sharedReader struct {
	Driver
	read   func() error
	events *SharedEvents
}

// ReadHook implements HookReader.
func (r sharedReader) ReadHook(secret.String, Hook) ([]HookEvent, error) {
	if err := r.read(); err != nil {
		return nil, err
	}
	return r.events.Events, nil
}
