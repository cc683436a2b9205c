package memtarget

import (
	"fmt"

	"github.com/google/uuid"
)

// Seed makes n issues in a project at once, with the titles "Issue 1" and so on.
// They are open, and in the books like any other.
func (t *Tracker) Seed(project string, n int) ([]Record, error) {
	made := make([]Record, n)
	for i := range made {
		var err error
		made[i], err = t.create(Record{Project: project, Marker: uuid.NewString(), Title: fmt.Sprintf("Issue %d", i+1)}, "", "created")
		if err != nil {
			return nil, err
		}
	}
	return made, nil
}
