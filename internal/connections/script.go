package connections

import (
	_ "embed"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

//go:embed transitions.lua
var transitionsLua string

//go:embed issueindex.lua
var issueIndexLua string

// including puts the shared part in its place.
func including(text string) string {
	return strings.Replace(text, "-- include issueindex.lua\n", issueIndexLua, 1)
}

// constants are the values of K in the script. Times are milliseconds.
func (s *Store) constants() map[string]string {
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	t, l := s.timing, s.limits
	return map[string]string{
		"lease": number(t.Lease.Milliseconds()), "rescueafter": number(t.RescueAfter.Milliseconds()), "maxrescueafter": number(t.MaxRescueAfter.Milliseconds()),
		"deadline": number(t.Deadline.Milliseconds()), "settle": number(t.Settle.Milliseconds()), "answer": number(t.Answer.Milliseconds()),
		"confirm": number(t.ConfirmDeleted.Milliseconds()), "sendwindow": number(t.SendWindow.Milliseconds()), "keepfor": number(t.Keep.Milliseconds()),
		"keep": number(historyLength), "orphans": number(maxOrphans), "wakelist": number(maxWakeList), "pass": number(maxPassed), "arguments": number(maxArguments), "scan": number(maxScan), "scanclosed": number(maxScanClosed),
		"maxinflight": number(int64(l.MaxInFlight)), "maxqueued": number(int64(l.MaxQueued)), "maxconnections": number(int64(l.MaxConnections)), "pushespersecond": number(int64(l.PushesPerSecond)),
		"unfenced": strconv.FormatBool(!fencing), "unobserved": strconv.FormatBool(!observing), "late": strconv.Quote(lateText), "last": strconv.Quote(lastText),
	}
}

// The parts of transitions.lua: functions, transitions, sections for one
// transition only, and what refers to them.
var (
	luaFunction = regexp.MustCompile(`(?ms)^local function (\w+)\([^)]*\)(?:[^\n]* end|\n.*?^end)\n`)
	luaOp       = regexp.MustCompile(`(?ms)^ops\['(\w+)'\] = function\(\)\n.*?^end\n`)
	luaSection  = regexp.MustCompile(`(?ms)^-- only (\w+):.*?^-- end\n`)
	luaCall     = regexp.MustCompile(`(\w+|ops\['\w+'\])\(`)
	luaConstant = regexp.MustCompile(`\bK\.(\w+)`)
)

// scripts makes the script of each transition.
func scripts(text string, constants map[string]string) map[string]*redis.Script {
	out := map[string]*redis.Script{}
	for op, text := range link(text, constants) {
		out[op] = redis.NewScript(text)
	}
	return out
}

// link makes the text of each transition's script: of the functions and the
// transitions only those that it comes to. It panics on a constant that there
// is not: the text is compiled in.
func link(text string, constants map[string]string) map[string]string {
	text = luaConstant.ReplaceAllStringFunc(text, func(name string) string {
		value, ok := constants[name[len("K."):]]
		if !ok {
			panic(fmt.Sprintf("transitions.lua: there is no %s", name))
		}
		return value
	})
	bodies := map[string]string{} // by what calls them
	for _, f := range luaFunction.FindAllStringSubmatch(text, -1) {
		bodies[f[1]] = f[0]
	}
	ops := luaOp.FindAllStringSubmatch(text, -1)
	for _, op := range ops {
		bodies["ops['"+op[1]+"']"] = op[0]
	}
	out := map[string]string{}
	for _, op := range ops {
		needed := map[string]bool{}
		need("ops['"+op[1]+"'](", bodies, needed)
		part := func(re *regexp.Regexp, text string, wanted func(name string) bool) string {
			return re.ReplaceAllStringFunc(text, func(s string) string {
				if wanted(re.FindStringSubmatch(s)[1]) {
					return s
				}
				return ""
			})
		}
		own := part(luaFunction, text, func(name string) bool { return needed[name] })
		own = part(luaOp, own, func(name string) bool { return needed["ops['"+name+"']"] })
		out[op[1]] = part(luaSection, own, func(name string) bool { return name == op[1] })
	}
	return out
}

// need marks what a text calls, and what that calls.
func need(text string, bodies map[string]string, needed map[string]bool) {
	for _, call := range luaCall.FindAllStringSubmatch(text, -1) {
		if body, ok := bodies[call[1]]; ok && !needed[call[1]] {
			needed[call[1]] = true
			need(body, bodies, needed)
		}
	}
}
