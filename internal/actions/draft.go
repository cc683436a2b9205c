package actions

import (
	"strings"

	"pushbutton/internal/connections"
	"pushbutton/internal/pbapi"
	"pushbutton/internal/richtext"
	"pushbutton/internal/targets"
)

// draftOf maps an entity to the issue that is wanted. A description that
// cannot be read must not stop the push: the issue then links to it.
func draftOf(rec connections.Record, key connections.Key, e pbapi.Entity) targets.Draft {
	doc, err := richtext.Parse(e.Description())
	if err != nil {
		doc = richtext.Paragraph(richtext.Text("The description is too large to be shown here; see Productboard."))
	}
	return targets.Draft{
		Marker:      rec.Marker(key),
		Title:       e.Name(),
		Description: doc,
		Link:        e.Links.HTML,
		Labels:      e.Tags(),
		Reporter:    reporter(rec.Click),
	}
}

func reporter(c connections.Click) string {
	switch {
	case c.Name == "":
		return c.Email
	case c.Email == "" || strings.EqualFold(c.Name, c.Email):
		return c.Name
	default:
		return c.Name + " <" + c.Email + ">"
	}
}
