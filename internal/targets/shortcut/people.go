package shortcut

import (
	"context"
	"net/http"
	"strings"
)

// FindPerson implements targets.People.
func (d *driver) FindPerson(ctx context.Context, email string) (string, error) {
	all, err := list[member](ctx, d.client, "list members", http.MethodGet, "/members", nil)
	if err != nil {
		return "", err
	}
	for _, m := range all {
		if !m.Disabled && email != "" && strings.EqualFold(m.Profile.Email, email) {
			return m.ID, nil
		}
	}
	return "", nil
}
