package targets

import (
	"errors"
	"fmt"
	"math"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/outbound"
	"pushbutton/internal/targets/wire"
)

// publicFor makes the sentence for a failure whose driver gave none: the
// cause, and who can repair it.
func publicFor(e *fault.Error, tracker string) string {
	const settings = " Ask your admin to check the integration's settings."
	if oversize, ok := errors.AsType[*outbound.OversizeError](e.Err); ok {
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
		return wire.Intermediary(tracker, "not in its words", 0, nil).Public
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
