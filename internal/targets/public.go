package targets

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
)

// MaxPublic is the longest sentence a button can show, in characters
// (Productboard's limit for an error message).
const MaxPublic = 255

const (
	// minSaid is how much of a tracker's own words is kept however long the
	// advice is, in characters.
	minSaid = 40
	// maxOffered bounds the names in a sentence, in characters.
	maxOffered = 80
)

// Advised is the sentence for a refusal in the tracker's own words, which are
// cut so that the advice behind them fits. advice begins with the full stop, or
// with what ends the sentence (". Ask your admin ...").
func Advised(tracker, said, advice string) string {
	said = Title(said, max(minSaid, MaxPublic-len(tracker)-len(": ")-len(advice)))
	return tracker + ": " + strings.TrimRight(said, ". ") + advice
}

// Only is the part of a sentence that says what there is instead of what the
// settings name, ", only A, B", cut; "" if there is nothing.
func Only[T any](all []T, name func(T) string) string {
	if len(all) == 0 {
		return ""
	}
	names := make([]string, len(all))
	for i, one := range all {
		names[i] = name(one)
	}
	return ", only " + Title(strings.Join(names, ", "), maxOffered)
}

// publicFor makes the sentence for a failure whose driver gave none: the
// cause, and who can mend it.
func publicFor(e *fault.Error, tracker string) string {
	const settings = " Ask your admin to check the integration's settings."
	var oversize *outbound.OversizeError
	if errors.As(e.Err, &oversize) {
		return fmt.Sprintf("%s answered with more than %d %s, which is not how %s answers here. Something else may stand at its address.%s", tracker, oversize.Limit, oversize.What, tracker, settings)
	}
	switch e.Kind {
	case fault.Invalid:
		return tracker + " refused the request." + settings
	case fault.Unauthorized:
		return tracker + " refused the credentials. Ask your admin to renew them in the integration's settings."
	case fault.Forbidden:
		return tracker + " does not allow this to the integration's account. Ask your admin to give it the permission in " + tracker + "."
	case fault.NotFound:
		return tracker + " does not have what the integration's settings name, or does not show it to the integration's account." + settings
	case fault.Gone:
		return tracker + " does not have this issue any more. Unlink and push again for a new one."
	case fault.Intermediary:
		return intermediary(tracker, "not in its words", 0, nil).Public
	case fault.Conflict:
		return tracker + " says that somebody changed the same thing at the same time. Push again."
	case fault.RateLimited:
		return tracker + " receives too many requests. " + again(e.RetryAfter)
	case fault.Unavailable:
		return tracker + " cannot be reached or is not working. " + again(e.RetryAfter) + " If it stays so, tell the people who run " + tracker + "."
	case fault.Timeout:
		return tracker + " did not answer in time. " + again(e.RetryAfter) + " If it stays so, tell the people who run " + tracker + "."
	case fault.Canceled:
		return "The plugin was stopped while it worked with " + tracker + ". Push again."
	case fault.Blocked:
		return "The plugin may not reach " + tracker + "'s address. Ask your admin to check it, or the plugin's operator to allow it (PLUGIN_OUTBOUND_ALLOW)."
	case fault.Internal:
		return internalPublic(tracker)
	default:
		return internalPublic(tracker)
	}
}

func internalPublic(tracker string) string {
	return "The plugin made a mistake while it worked with " + tracker + ". Ask the plugin's operator to look into its log."
}

func again(after time.Duration) string {
	if after <= 0 {
		return "Push again in a while."
	}
	if after < 2*time.Minute {
		return fmt.Sprintf("Push again in %d seconds.", int(math.Ceil(after.Seconds())))
	}
	return fmt.Sprintf("Push again in %d minutes.", int(math.Ceil(after.Minutes())))
}
