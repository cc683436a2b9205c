package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/redis/go-redis/v9"

	"pushbutton/internal/proof/e2e/fixture"
)

// slip is something that is wrong when an admin runs `plugin apply`.
type slip struct {
	happens string
	column  column
	token   string // the value of PB_TOKEN, if it is not the sandbox'
	says    []string
}

// slipsDB is a Redis database of its own: it must stay empty.
const slipsDB = 1

const slipFile = "slip.yaml"

func (h *house) slips(ctx context.Context) ([]slip, error) {
	const strict, wrongKey = "strict", "wrong.key"
	if _, err := h.redmine.AddProject(ctx, strict); err != nil {
		return nil, err
	}
	if err := h.require(ctx, strict); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(h.fixture.Dir(), wrongKey), []byte(strings.Repeat("0", 40)), 0o600); err != nil {
		return nil, err
	}
	nowhere, err := fixture.FreePort(ctx)
	if err != nil {
		return nil, err
	}
	good := column{name: "Slip", url: h.redmine.URL, project: h.redmine.Project}
	but := func(change func(*column)) column {
		c := good
		change(&c)
		return c
	}
	return []slip{
		{happens: "Productboard's token is wrong", column: good, token: "not-a-token",
			says: []string{slipFile + ":6:", "productboard.token", "Productboard does not accept"}},
		{happens: "Redmine's API key is wrong", column: but(func(c *column) { c.key = "file:" + wrongKey }),
			says: []string{slipFile + ":10:", "target.credentials", "Redmine refused the API key"}},
		{happens: "Redmine cannot be reached", column: but(func(c *column) { c.url = fmt.Sprintf("http://127.0.0.1:%d", nowhere) }),
			says: []string{slipFile + ":9:", "target.settings", "Redmine cannot be reached"}},
		{happens: "there is no such project in Redmine", column: but(func(c *column) { c.project = "nowhere" }),
			says: []string{slipFile + ":9:", "target.settings", `Redmine has no project "nowhere"`}},
		{happens: "a custom field is required in Redmine", column: but(func(c *column) { c.project = strict }),
			says: []string{slipFile + ":9:", "target.settings", `field "Cost centre" is required in project "strict"`}},
		{happens: "the button's label has 11 characters", column: but(func(c *column) { c.label = "Elevenchars" }),
			says: []string{slipFile + ":5:", "button.label", "10"}},
		{happens: "a key of the file is not known", column: but(func(c *column) { c.extra = "        colour: red\n" }),
			says: []string{slipFile + ":7:", "colour"}},
		{happens: "a secret stands in the file", column: but(func(c *column) { c.token = "sandbox-token" }),
			says: []string{slipFile + ":6:", "productboard.token", "env:"}},
		// The running plugin has another database, and does not know the
		// integration that Productboard asks it for.
		{happens: "Productboard does not reach the plugin, or another one", column: good,
			says: []string{slipFile + ":", "could not verify this plugin's action URL"}},
	}, nil
}

// adminFaults makes every slip; each must be told in one line, and nothing
// may be made.
func (h *house) adminFaults(ctx context.Context) ([]row, error) {
	slips, err := h.slips(ctx)
	if err != nil {
		return nil, err
	}
	before, err := h.sandbox.Integrations(ctx)
	if err != nil {
		return nil, err
	}
	rdb := h.redis.Client(slipsDB)
	defer func() { _ = rdb.Close() }()
	var wrong verdict
	var rows []row
	for _, s := range slips {
		said, err := h.slip(ctx, s, &wrong)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row{happens: s.happens, says: said})
		kept, err := keptKeys(ctx, rdb)
		if err != nil {
			return nil, err
		}
		if len(kept) > 0 {
			wrong.add("%s: left in Redis: %s", s.happens, strings.Join(kept, " "))
		}
		if err := rdb.FlushDB(ctx).Err(); err != nil {
			return nil, err
		}
		now, err := h.sandbox.Integrations(ctx)
		if err != nil {
			return nil, err
		}
		if len(now) != len(before) {
			wrong.add("%s: Productboard has %d integrations, not %d", s.happens, len(now), len(before))
		}
	}
	if err := h.doctorWithoutRedis(ctx, &wrong); err != nil {
		return nil, err
	}
	h.say("plugin apply: %d slips, each told and nothing made", len(slips))
	return rows, wrong.err()
}

// keyIDs holds the ids of the encryption keys that were ever sealed with. A
// declaration that was taken back leaves its key's id there, and no text.
const keyIDs = "pb:keys"

// keptKeys lists what stays in a database: keys that expire by themselves (the
// rate limits) and the ids of encryption keys are no trace of anything made.
func keptKeys(ctx context.Context, rdb *redis.Client) ([]string, error) {
	keys, err := rdb.Keys(ctx, "*").Result()
	if err != nil {
		return nil, err
	}
	var kept []string
	for _, k := range keys {
		ttl, err := rdb.PTTL(ctx, k).Result()
		if err != nil {
			return nil, err
		}
		if ttl == -1 && k != keyIDs { // go-redis: it does not expire
			kept = append(kept, k)
		}
	}
	return kept, nil
}

// slip runs `plugin apply` and returns what it said.
func (h *house) slip(ctx context.Context, s slip, wrong *verdict) (string, error) {
	if err := h.applyFile(slipFile, s.column); err != nil {
		return "", err
	}
	settings := h.settings(slipsDB)
	if s.token != "" {
		settings["PB_TOKEN"] = s.token
	}
	result, err := h.fixture.Tool(ctx, settings, "apply", "-f", slipFile)
	if err != nil {
		return "", err
	}
	said := strings.TrimSpace(result.Stderr)
	if result.Code != 1 {
		wrong.add("%s: plugin apply has the exit code %d, not 1", s.happens, result.Code)
	}
	if strings.Contains(said, "\n") || said == "" {
		wrong.add("%s: not one line: %s", s.happens, said)
	}
	for _, part := range s.says {
		if !strings.Contains(said, part) {
			wrong.add("%s: plugin apply does not say %q: %s", s.happens, part, said)
		}
	}
	for _, secret := range []string{h.redmine.APIKey, fixture.SandboxToken, "not-a-token"} {
		if strings.Contains(result.Stdout+result.Stderr, secret) {
			wrong.add("%s: plugin apply prints a secret", s.happens)
		}
	}
	return steady(said), nil
}

// steady replaces what differs from run to run.
func steady(said string) string {
	said = regexp.MustCompile(`127\.0\.0\.1:\d+`).ReplaceAllString(said, "127.0.0.1:PORT")
	return regexp.MustCompile(`\(ref [^)]+\)`).ReplaceAllString(said, "(ref ...)")
}

func (h *house) doctorWithoutRedis(ctx context.Context, wrong *verdict) error {
	settings := h.settings(0)
	settings["PLUGIN_REDIS_URL"] = "unix://" + filepath.Join(h.fixture.Dir(), "nothing.sock")
	result, err := h.fixture.Tool(ctx, settings, "doctor")
	if err == nil && (result.Code != 1 || !strings.Contains(result.Stdout, "FAIL  redis: reachable")) {
		wrong.add("plugin doctor without Redis: exit code %d\n%s%s", result.Code, result.Stdout, result.Stderr)
	}
	return err
}
