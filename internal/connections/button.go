package connections

import (
	"slices"
	"strings"

	"pushbutton/internal/pbapi"
	"pushbutton/internal/targets"
	"pushbutton/internal/targets/text"
)

const fallbackMessage = "The push failed for a reason that was not told. Try again; if it fails again, ask your admin."

// Button is what Productboard should show for a record: its four states with
// every text within Productboard's limits and none of them empty.
func Button(r Record) pbapi.ConnectionState {
	switch {
	case r.State == Progress && r.Step != Settle:
		return pbapi.ConnectionState{State: pbapi.StateProgress}
	case r.State == Initial:
		return pbapi.ConnectionState{State: pbapi.StateInitial}
	case r.Failure != nil:
		return pbapi.ConnectionState{State: pbapi.StateError, Message: line(r.Failure.Message, pbapi.MaxMessage, fallbackMessage)}
	case r.Issue != nil:
		if r.Deleted() {
			return deleted(*r.Issue)
		}
		return connected(*r.Issue)
	default:
		return pbapi.ConnectionState{State: pbapi.StateError, Message: fallbackMessage}
	}
}

func connected(i targets.Issue) pbapi.ConnectionState {
	key := line(i.Key, pbapi.MaxHoverLabel, "Open issue")
	tooltip := strings.TrimSpace(i.Key + ": " + i.Title)
	if i.Title == "" || i.Key == "" {
		tooltip = i.Key + i.Title
	}
	return pbapi.ConnectionState{
		State:      pbapi.StateConnected,
		Label:      line(i.Status, pbapi.MaxLabel, progressLabel(i.Progress)),
		HoverLabel: key,
		Tooltip:    line(tooltip, pbapi.MaxTooltip, key),
		Color:      color(i),
		TargetURL:  cutURL(i.URL),
	}
}

// deleted is the button of an issue that is in the tracker no more. A push on
// it makes a new one, and nothing else does.
func deleted(i targets.Issue) pbapi.ConnectionState {
	s := connected(i)
	s.Label, s.Color = "Deleted", "gray"
	s.Tooltip = line("Deleted in the tracker: "+s.Tooltip+". Push to make a new issue.", pbapi.MaxTooltip, s.Tooltip)
	return s
}

func progressLabel(p targets.Progress) string {
	switch p {
	case targets.Done:
		return "Done"
	case targets.Started:
		return "In progress"
	case targets.Open:
		return "Open"
	default:
		return "Open"
	}
}

// color is the settings' choice, if it is one of Productboard's seven, or
// goes by how far the issue is.
func color(i targets.Issue) string {
	if slices.Contains(pbapi.Colors(), i.Color) {
		return i.Color
	}
	switch i.Progress {
	case targets.Done:
		return "green"
	case targets.Started:
		return "yellow"
	case targets.Open:
		return "blue"
	default:
		return "blue"
	}
}

// line makes one line of at most limit characters; an empty one becomes the
// fallback.
func line(s string, limit int, fallback string) string {
	if strings.TrimSpace(s) == "" {
		s = fallback
	}
	return text.Title(s, limit)
}

// cut bounds a text that is only kept, not shown on a button.
func cut(s string, limit int) string {
	if strings.TrimSpace(s) == "" {
		return ""
	}
	return text.Title(s, limit)
}

// cutURL bounds an address; a mark of omission would be part of it.
func cutURL(s string) string {
	runes := []rune(s)
	if len(runes) > pbapi.MaxTargetURL {
		runes = runes[:pbapi.MaxTargetURL]
	}
	return string(runes)
}
