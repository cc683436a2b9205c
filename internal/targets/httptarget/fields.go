package httptarget

import (
	"context"

	"pushbutton/internal/targets"
)

// ListFields implements targets.FieldLister: a description takes what the
// settings map.
func (d *driver) ListFields(context.Context) ([]targets.FieldInfo, error) { return d.fields, nil }
