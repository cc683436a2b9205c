package connections

import (
	"encoding/json"

	"pushbutton/internal/targets"
)

// keptIssue is an issue as records keep it: its names are short, since they
// are most of what an idle connection would cost.
type keptIssue struct {
	ID       string           `json:"i"`
	Key      string           `json:"k,omitempty"`
	URL      string           `json:"u,omitempty"`
	Title    string           `json:"n,omitempty"`
	Status   string           `json:"s,omitempty"`
	Progress targets.Progress `json:"p,omitempty"`
	Color    string           `json:"c,omitempty"`
	// Verdict is what one reading found, and is not kept.
	Verdict targets.Verdict `json:"-"`
}

type (
	plainRecord Record
	plainOrphan Orphan

	recordDoc struct {
		plainRecord
		Issue *keptIssue `json:"t,omitempty"`
	}
	orphanDoc struct {
		plainOrphan
		Issue *keptIssue `json:"t,omitempty"`
	}
)

// MarshalJSON writes a record as Redis keeps it.
func (r Record) MarshalJSON() ([]byte, error) {
	return json.Marshal(recordDoc{plainRecord(r), (*keptIssue)(r.Issue)})
}

// UnmarshalJSON reads what MarshalJSON, or the script, wrote.
func (r *Record) UnmarshalJSON(raw []byte) error {
	var doc recordDoc
	if err := json.Unmarshal(raw, &doc); err != nil {
		return err
	}
	*r = Record(doc.plainRecord)
	r.Issue = (*targets.Issue)(doc.Issue)
	return nil
}

// MarshalJSON writes an orphan as Redis keeps it.
func (l Orphan) MarshalJSON() ([]byte, error) {
	return json.Marshal(orphanDoc{plainOrphan(l), (*keptIssue)(l.Issue)})
}

// UnmarshalJSON reads what MarshalJSON, or the script, wrote.
func (l *Orphan) UnmarshalJSON(raw []byte) error {
	var doc orphanDoc
	if err := json.Unmarshal(raw, &doc); err != nil {
		return err
	}
	*l = Orphan(doc.plainOrphan)
	l.Issue = (*targets.Issue)(doc.Issue)
	return nil
}
