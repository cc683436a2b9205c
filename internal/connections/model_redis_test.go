package connections

import (
	"context"
	"fmt"
	"strings"
	"testing"

	cjson "github.com/alicebob/miniredis/v2/gopher-json"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	lua "github.com/yuin/gopher-lua"
	luaparse "github.com/yuin/gopher-lua/parse"
)

// oneRecord is a Redis for one record that runs the store's script. Whoever
// holds it may set and read all that the script keeps: the model puts a state
// in, has the store carry out a transition, and takes the next state out.
type oneRecord struct {
	redis.UniversalClient // nil: the store asks for nothing but its script

	vm     *lua.LState
	script *lua.FunctionProto

	now    int64 // what TIME tells, in milliseconds
	record string
	due    int64 // the record's score in the look-out; 0: it is not there
	failed bool  // it is among the failed pushes
	rung   bool  // the bell told of a run
}

func newOneRecord(t testing.TB, script string) *oneRecord {
	t.Helper()
	chunk, err := luaparse.Parse(strings.NewReader(script), "transitions.lua")
	require.NoError(t, err)
	proto, err := lua.Compile(chunk, "transitions.lua")
	require.NoError(t, err)
	r := &oneRecord{vm: lua.NewState(), script: proto}
	t.Cleanup(r.vm.Close)
	cjson.Loader(r.vm)
	r.vm.SetGlobal("cjson", r.vm.Get(-1))
	r.vm.Pop(1)
	r.vm.SetGlobal("redis", r.vm.SetFuncs(r.vm.NewTable(), map[string]lua.LGFunction{"call": r.call}))
	return r
}

// EvalSha runs the script, whichever is asked for: there is only one.
func (r *oneRecord) EvalSha(ctx context.Context, _ string, keys []string, args ...any) *redis.Cmd {
	cmd := redis.NewCmd(ctx)
	k, a := r.vm.NewTable(), r.vm.NewTable()
	for _, key := range keys {
		k.Append(lua.LString(key))
	}
	for _, arg := range args {
		if raw, ok := arg.([]byte); ok {
			arg = string(raw)
		}
		a.Append(lua.LString(fmt.Sprint(arg)))
	}
	r.vm.SetGlobal("KEYS", k)
	r.vm.SetGlobal("ARGV", a)
	r.vm.Push(r.vm.NewFunctionFromProto(r.script))
	if err := r.vm.PCall(0, 1, nil); err != nil {
		cmd.SetErr(err)
		return cmd
	}
	var reply []any
	r.vm.CheckTable(-1).ForEach(func(_, v lua.LValue) {
		if n, ok := v.(lua.LNumber); ok {
			reply = append(reply, int64(n)) // as Redis does
		} else {
			reply = append(reply, v.String())
		}
	})
	r.vm.Pop(1)
	cmd.SetVal(reply)
	return cmd
}

// call carries out the few commands that the script uses. The history does
// not decide anything and is not kept.
func (r *oneRecord) call(vm *lua.LState) int {
	lookout := vm.OptString(2, "") == lookoutKey
	switch cmd := vm.CheckString(1); cmd {
	case "TIME":
		t := vm.NewTable()
		t.Append(lua.LString(fmt.Sprint(r.now / 1000)))
		t.Append(lua.LString(fmt.Sprint(r.now % 1000 * 1000)))
		vm.Push(t)
		return 1
	case "GET":
		if r.record == "" {
			vm.Push(lua.LFalse)
		} else {
			vm.Push(lua.LString(r.record))
		}
		return 1
	case "SET":
		r.record = vm.CheckString(3)
	case "ZADD":
		if lookout {
			r.due = vm.CheckInt64(3)
		} else {
			r.failed = true
		}
	case "ZREM":
		if lookout {
			r.due = 0
		} else {
			r.failed = false
		}
	case "ZSCORE":
		if r.due == 0 {
			vm.Push(lua.LFalse)
		} else {
			vm.Push(lua.LString(fmt.Sprint(r.due)))
		}
		return 1
	case "LLEN": // of the bell
		vm.Push(lua.LNumber(0))
		return 1
	case "RPUSH":
		r.rung = r.rung || vm.CheckString(2) == bellKey
	case "LTRIM", "PEXPIRE", "PERSIST":
	default:
		vm.RaiseError("the model's Redis does not know %s", cmd)
	}
	return 0
}
