package jira

import (
	"context"
	"errors"
	"net/http"
)

// Check implements targets.Driver.
func (d *driver) Check(ctx context.Context) error {
	d.resolved.Forget()
	if err := d.authenticate(ctx); err != nil {
		return err
	}
	_, err := d.resolved.Get(ctx)
	return err
}

// authenticate checks that the credential is good: Jira answers some questions of
// strangers, with nothing.
func (c client) authenticate(ctx context.Context) error {
	const op = "read the account"
	var me user
	if err := c.read(ctx, op, http.MethodGet, "/myself", nil, &me); err != nil {
		return err
	}
	if me.AccountID == "" && me.Name == "" {
		return notJira(op, errors.New("the answer names no user"))
	}
	return nil
}
