package connections

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	cjson "github.com/alicebob/miniredis/v2/gopher-json"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	lua "github.com/yuin/gopher-lua"
	luaparse "github.com/yuin/gopher-lua/parse"
)

// plainRedis is a Redis that runs the store's script and whose state is plain
// maps. Whoever holds it may set and read all that the script keeps: a model
// puts a state in, has the store carry out a transition, and takes the next
// state out. Histories do not decide anything and are not kept.
type plainRedis struct {
	redis.UniversalClient // nil: the store asks for nothing but its script

	vm      *lua.LState
	scripts map[string]*lua.FunctionProto // by their hash

	now       int64 // what TIME tells, in milliseconds
	hashes    map[string]map[string]string
	sets      map[string]map[string]float64 // sorted ones, and others with scores of 0
	announced []string                      // what the wake-up list was told
	// noted are histories, where somebody wants them.
	noted *[]string
}

// newPlainRedis knows the scripts of texts, by transition.
func newPlainRedis(tb testing.TB, texts map[string]string) *plainRedis {
	tb.Helper()
	r := &plainRedis{vm: lua.NewState(), scripts: map[string]*lua.FunctionProto{}}
	for op, text := range texts {
		chunk, err := luaparse.Parse(strings.NewReader(text), op)
		require.NoError(tb, err)
		r.scripts[redis.NewScript(text).Hash()], err = lua.Compile(chunk, op)
		require.NoError(tb, err)
	}
	r.empty()
	tb.Cleanup(r.vm.Close)
	cjson.Loader(r.vm)
	r.vm.SetGlobal("cjson", r.vm.Get(-1))
	r.vm.Pop(1)
	r.vm.SetGlobal("redis", r.vm.SetFuncs(r.vm.NewTable(), map[string]lua.LGFunction{"call": r.call}))
	return r
}

func (r *plainRedis) empty() {
	r.hashes, r.sets, r.announced = map[string]map[string]string{}, map[string]map[string]float64{}, nil
}

func (r *plainRedis) hset(key, field, value string) {
	if r.hashes[key] == nil {
		r.hashes[key] = map[string]string{}
	}
	r.hashes[key][field] = value
}

func (r *plainRedis) add(key, member string, score float64) {
	if r.sets[key] == nil {
		r.sets[key] = map[string]float64{}
	}
	r.sets[key][member] = score
}

// EvalSha runs a script.
func (r *plainRedis) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
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
	r.vm.Push(r.vm.NewFunctionFromProto(r.scripts[sha]))
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

// call carries out the few commands that the script uses.
func (r *plainRedis) call(vm *lua.LState) int {
	text := func(arg int) string { return vm.CheckAny(arg).String() }
	number := func(n int) lua.LValue { return lua.LNumber(n) }
	table := func(values []lua.LValue) lua.LValue {
		t := vm.NewTable()
		for _, v := range values {
			t.Append(v)
		}
		return t
	}
	field := func(key, name string) lua.LValue {
		if v, ok := r.hashes[key][name]; ok {
			return lua.LString(v)
		}
		return lua.LFalse
	}
	reply := lua.LValue(lua.LNumber(0))
	switch cmd, key := text(1), vm.OptString(2, ""); cmd {
	case "TIME":
		reply = table([]lua.LValue{lua.LString(fmt.Sprint(r.now / 1000)), lua.LString(fmt.Sprint(r.now % 1000 * 1000))})
	case "HGET":
		reply = field(key, text(3))
	case "HMGET":
		var values []lua.LValue
		for arg := 3; arg <= vm.GetTop(); arg++ {
			values = append(values, field(key, text(arg)))
		}
		reply = table(values)
	case "HSET":
		for arg := 3; arg < vm.GetTop(); arg += 2 {
			r.hset(key, text(arg), text(arg+1))
		}
	case "HDEL":
		delete(r.hashes[key], text(3))
	case "HINCRBY":
		n, _ := strconv.Atoi(r.hashes[key][text(3)])
		r.hset(key, text(3), strconv.Itoa(n+vm.CheckInt(4)))
	case "ZADD":
		r.add(key, text(4), float64(vm.CheckNumber(3)))
	case "SADD":
		r.add(key, text(3), 0)
	case "ZREM", "SREM":
		if _, ok := r.sets[key][text(3)]; ok {
			delete(r.sets[key], text(3))
			reply = number(1)
		}
	case "ZSCORE":
		reply = lua.LFalse
		if score, ok := r.sets[key][text(3)]; ok {
			reply = lua.LString(strconv.FormatFloat(score, 'f', -1, 64))
		}
	case "SISMEMBER":
		if _, ok := r.sets[key][text(3)]; ok {
			reply = number(1)
		}
	case "ZCARD", "SCARD":
		reply = number(len(r.sets[key]))
	case "ZRANGEBYSCORE": // -inf MOST LIMIT OFFSET COUNT
		var values []lua.LValue
		for _, member := range r.first(key, float64(vm.CheckNumber(4)), vm.CheckInt(6), vm.CheckInt(7)) {
			values = append(values, lua.LString(member))
		}
		reply = table(values)
	case "RPUSH":
		if strings.HasSuffix(key, "}:wake") {
			r.announced = append(r.announced, text(3))
		} else if r.noted != nil {
			*r.noted = append(*r.noted, key+" "+text(3))
		}
	case "LLEN": // of the wake-up list
		reply = number(len(r.announced))
	case "EXISTS": // no tracker limits us here
	case "LTRIM", "PEXPIRE", "PERSIST", "DEL": // of a history
	default:
		vm.RaiseError("the model's Redis does not know %s", cmd)
	}
	vm.Push(reply)
	return 1
}

// first are the first members of a set with a score up to most, behind so many.
func (r *plainRedis) first(key string, most float64, behind, count int) []string {
	set := r.sets[key]
	var all []string
	for member, score := range set {
		if score <= most {
			all = append(all, member)
		}
	}
	slices.SortFunc(all, func(a, b string) int {
		return cmp.Or(cmp.Compare(set[a], set[b]), strings.Compare(a, b))
	})
	all = all[min(behind, len(all)):]
	return all[:min(count, len(all))]
}
