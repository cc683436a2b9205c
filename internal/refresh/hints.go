package refresh

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb"
	"pushbutton/internal/targets/text"
)

//go:embed hints.lua
var hintsLua string

//go:embed pick.lua
var pickLua string

// Keys in Redis: see hints.lua.
const (
	hintsTag      = "pb:{hooks}:"
	hintsDueKey   = hintsTag + "due"
	hintClaimsKey = hintsTag + "claims"
)

const (
	// maxHinted is how many issues one Add takes, and maxClaimed how many one claim
	// has at most.
	maxHinted, maxClaimed = 2000, 100
	// deliveryBytes is how much of a delivery's digest is kept.
	deliveryBytes = 16
)

// Hints are the issues that trackers' webhooks say have changed, for all
// processes together, and what is known of each webhook's health. A hint is read
// at least once after it came. It is safe for concurrent use.
type Hints struct {
	rdb    redis.UniversalClient
	script *redis.Script
}

// NewHints makes Hints.
func NewHints(rdb redis.UniversalClient) *Hints {
	return &Hints{rdb: rdb, script: redis.NewScript(pickLua + hintsLua)}
}

// Hint is a webhook that is proved to come from the integration's tracker.
type Hint struct {
	Tenant, Integration string
	// Delivery is the same each time that the tracker tries to deliver it; empty:
	// the tracker does not say, and it is never taken for a replay.
	Delivery string
	// Issues are the ids of those that something happened to; a test has none.
	Issues []string
}

// Added says what became of a Hint.
type Added struct {
	// Replay says that the delivery came before, so that nothing was kept.
	Replay bool
	// New is how many issues did not wait already.
	New int
	// Dropped is how many found no place. All issues of the integration are read
	// for that reason.
	Dropped int
}

// HintClaim is the right to read what an integration's webhooks hint at. It ends
// by itself when it is not renewed in time, and another process gets it.
type HintClaim struct {
	Tenant, Integration string
	// Issues are the ids of the issues to read, 100 at most.
	Issues []string
	// All says that hints were dropped: every issue is to be read.
	All bool

	// waited is for how long each issue has waited.
	waited map[string]time.Duration
	owner  string
}

func (c HintClaim) name() string { return c.Tenant + "/" + c.Integration }

// Add keeps a hint. It is one call of Redis. An issue that waits already waits
// once, so a thousand events of it are one reading.
func (h *Hints) Add(ctx context.Context, hint Hint) (Added, error) {
	const op = "keep a hint"
	issues := slices.Clone(hint.Issues)
	slices.Sort(issues)
	issues = slices.DeleteFunc(slices.Compact(issues), func(id string) bool { return text.BadID(id) != "" })
	dropped := max(len(issues)-maxHinted, 0)
	issues = issues[:len(issues)-dropped]
	reply, err := h.run(ctx, op, "add", hint.Tenant, hint.Integration, map[string]any{"delivery": digest(hint.Delivery), "issues": issues, "dropped": dropped})
	if err != nil {
		return Added{}, err
	}
	if len(reply) != 3 {
		return Added{}, fault.Wrap(fault.Internal, op, errReply)
	}
	return Added{Replay: reply[0] == "1", New: count(reply[1]), Dropped: count(reply[2])}, nil
}

// digest stands for a delivery: its id is the tracker's, and may be long.
func digest(delivery string) string {
	if delivery == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(delivery))
	return hex.EncodeToString(sum[:deliveryBytes])
}

func count(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

// Claim takes hints that are due; ok is false where none are. A tenant that holds
// fewer claims than others goes first.
func (h *Hints) Claim(ctx context.Context, hold time.Duration) (claim HintClaim, ok bool, err error) {
	claim.owner = rand.Text()
	const op = "claim hints"
	reply, err := h.run(ctx, op, "claim", "", "", map[string]any{"owner": claim.owner, "hold": hold.Milliseconds(), "most": maxClaimed})
	switch {
	case err != nil:
		return HintClaim{}, false, err
	case len(reply) == 1:
		return HintClaim{}, false, nil
	case len(reply)%2 != 0:
		return HintClaim{}, false, fault.Wrap(fault.Internal, op, errReply)
	}
	claim.Tenant, claim.Integration, _ = strings.Cut(reply[0], "/")
	claim.All = reply[1] != ""
	claim.waited = map[string]time.Duration{}
	for i := 2; i < len(reply); i += 2 {
		claim.Issues = append(claim.Issues, reply[i])
		claim.waited[reply[i]] = time.Duration(count(reply[i+1])) * time.Millisecond
	}
	return claim, true, nil
}

// Renew claims hints for another hold. lost says that another process has them;
// while Redis cannot be asked, nobody else gets them either.
func (h *Hints) Renew(ctx context.Context, c HintClaim, hold time.Duration) (lost bool) {
	reply, err := h.run(ctx, "renew hints", "renew", c.Tenant, c.Integration, map[string]any{"owner": c.owner, "hold": hold.Milliseconds()})
	return err == nil && reply[0] != "ok"
}

// Done ends a claim. Its issues no longer wait, but for those that had an event
// since it began. A caller that did not read an issue takes it out of the claim
// before. A claim that is lost changes nothing.
func (h *Hints) Done(ctx context.Context, c HintClaim) error {
	_, err := h.run(ctx, "end hints", "done", c.Tenant, c.Integration, map[string]any{"owner": c.owner, "issues": orNone(c.Issues)})
	return err
}

// Later ends a claim whose issues could not be read. They are due after a pause.
func (h *Hints) Later(ctx context.Context, c HintClaim, pause time.Duration) error {
	_, err := h.run(ctx, "put hints off", "later", c.Tenant, c.Integration, map[string]any{"owner": c.owner, "pause": pause.Milliseconds()})
	return err
}

// Forget removes all that is known of an integration's webhook.
func (h *Hints) Forget(ctx context.Context, tenant, integration string) error {
	_, err := h.run(ctx, "forget hints", "forget", tenant, integration, map[string]any{})
	return err
}

func orNone(issues []string) []string {
	if issues == nil {
		return []string{} // null is no list in Lua
	}
	return issues
}

var errReply = errors.New("unexpected reply")

func (h *Hints) run(ctx context.Context, name, op, tenant, integration string, args map[string]any) ([]string, error) {
	args["name"] = HintClaim{Tenant: tenant, Integration: integration}.name()
	doc, err := json.Marshal(args)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, name, err)
	}
	reply, err := h.script.Run(ctx, h.rdb, []string{hintsDueKey, hintClaimsKey}, op, doc).StringSlice()
	if err != nil {
		return nil, redisdb.Fault(name, err)
	}
	if len(reply) == 0 {
		return nil, fault.Wrap(fault.Internal, name, errReply)
	}
	return reply, nil
}
