package text

import "strings"

// MaxPublic is the longest sentence a button can show, in characters
// (Productboard's limit for an error message).
const MaxPublic = 255

const (
	// minMessage is how much of a tracker's own words is kept however long the
	// advice is, in characters.
	minMessage = 40
	// MaxNames bounds the names in a sentence, in characters.
	MaxNames = 80
)

// WithAdvice returns the sentence for a refusal in the tracker's own words. They
// are cut so that the advice behind them fits. advice begins with the full stop,
// or with what ends the sentence (". Ask your admin ...").
func WithAdvice(tracker, message, advice string) string {
	message = Title(message, max(minMessage, MaxPublic-len(tracker)-len(": ")-len(advice)))
	return tracker + ": " + strings.TrimRight(message, ". ") + advice
}

// OnlyNames returns the part of a sentence that lists what exists instead of what
// the settings name, ", only A, B", cut. It is "" for an empty list.
func OnlyNames[T any](all []T, name func(T) string) string {
	if len(all) == 0 {
		return ""
	}
	names := make([]string, len(all))
	for i, one := range all {
		names[i] = name(one)
	}
	return ", only " + Title(strings.Join(names, ", "), MaxNames)
}
