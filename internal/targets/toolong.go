package targets

import (
	"context"
	"errors"
	"unicode/utf8"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/richtext"
	"pushbutton/internal/targets/text"
)

const (
	// minHalved is the length below which a text is left as it is when others
	// are halved. No tracker is known to take less.
	minHalved = 2000
)

// TooLongError is in the chain of a refusal because of the length of a text.
// An admin can set a lower limit than the tracker's usual one. Target then cuts
// the text to the limit, or to its half, and asks once more.
type TooLongError struct {
	// Field is the id of the custom field that is too long; empty: any text.
	Field string
	// Limit is the most that the answer names, as Render counts; 0: none.
	Limit int
	// Message is what the tracker says.
	Message string
	Err     error
}

// Error implements error.
func (e *TooLongError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *TooLongError) Unwrap() error { return e.Err }

// shrink is how much shorter than usual texts must be.
type shrink struct {
	field string // the id of a custom field; empty: every text
	limit int    // 0: half of their length
}

// TooLong puts a TooLongError into the chain of a refusal.
func TooLong(err error, field string, limit int, message string) error {
	e := *fault.From(err)
	e.Err = &TooLongError{Field: field, Limit: limit, Message: message, Err: cause(err, e.Err)}
	return &e
}

// cause is what an error is about, without its classification where it has one.
func cause(whole, inner error) error {
	if inner != nil {
		return inner
	}
	return whole
}

// fitted cuts one text of a draft. field is the id of a custom field, or empty
// for the description.
func (d Draft) fitted(field string, doc richtext.Doc, limit richtext.Limit, render func(richtext.Doc) string) richtext.Fitted {
	count := limit.Count
	if count == nil {
		count = utf8.RuneCountInString
	}
	concerned := d.shrink != nil && (d.shrink.field == "" || d.shrink.field == field)
	if concerned && d.shrink.limit > 0 {
		limit.Max = min(limit.Max, d.shrink.limit)
	}
	out := richtext.Fit(doc, limit, render)
	size := count(out.Text)
	if concerned && d.shrink.limit == 0 && size > minHalved {
		limit.Max = size / 2
		out = richtext.Fit(doc, limit, render)
	}
	if d.sizes != nil {
		d.sizes[field] = size
	}
	return out
}

// shorter returns the draft by which to replace a refused one; ok is false if
// the refusal was not about length, there is nothing to cut, or the issue may
// exist.
func (t *Target) shorter(ctx context.Context, desired Draft, err error) (out Draft, ok bool) {
	long := tooLong(err)
	if long == nil || OutcomeOf(err) != OutcomeNotDone {
		return desired, false
	}
	longest, limit := t.longest(ctx, desired, long.Field), long.Limit
	if longest <= limit { // the tracker counts otherwise
		limit = 0
	}
	desired.shrink = &shrink{long.Field, limit}
	return desired, limit > 0 || longest > minHalved
}

// longest is the length of the draft's longest text, or of one custom field's,
// as the driver writes and counts it.
func (t *Target) longest(ctx context.Context, desired Draft, field string) int {
	desired.sizes = map[string]int{}
	draft, err := t.complete(ctx, desired)
	if err != nil {
		return 0
	}
	if driver, ok := Ability[Renderer](t.driver); ok {
		driver.Render(draft)
	}
	if field != "" {
		return desired.sizes[field]
	}
	longest := 0
	for _, size := range desired.sizes {
		longest = max(longest, size)
	}
	return longest
}

// tooLong finds the cause of a refusal because of a text's length; nil: it is
// another.
func tooLong(err error) *TooLongError {
	if long, ok := errors.AsType[*TooLongError](err); ok {
		return long
	}
	if errors.Is(err, outbound.ErrRequestTooLarge) {
		return &TooLongError{Err: err}
	}
	return nil
}

// explainLength names the settings that make the text of a refused request. What
// the tracker says of a text that was not cut may be about another one.
func (t *Target) explainLength(err error, cut bool) error {
	long := tooLong(err)
	if long == nil || long.Message != "" && !cut {
		return err
	}
	settings := "settings." + setDescription
	if _, ok := Ability[FieldLister](t.driver); ok {
		settings += " or settings." + setFields
	}
	e := *fault.From(err)
	if long.Message == "" {
		e.Public = t.traits.Name + ", or something in front of it, takes no request of this size. Ask the people who run " + t.traits.Name +
			" to raise that limit, or your admin to shorten " + settings + "."
	} else {
		e.Public = text.WithAdvice(t.traits.Name, long.Message, ". Ask your admin to shorten "+settings+", or to have the limit raised.")
	}
	return &e
}
