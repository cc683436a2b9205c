package memtarget

import (
	"context"
	"errors"
	"net/http"
)

// Check implements targets.Driver.
func (d *driver) Check(ctx context.Context) error {
	const op = "read project"
	var p projectInfo
	if err := d.send(ctx, op, http.MethodGet, "", nil, &p); err != nil {
		return err
	}
	if p.Key != d.cfg.project {
		return stranger(op, errors.New("the answer names no project"))
	}
	return nil
}
