package audit

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"pushbutton/internal/fault"
	"pushbutton/internal/redisdb"
)

//go:embed deny.lua
var denyLua string

// MaxDenials is how many pairs of caller and operation are kept of each log;
// the pair whose latest denial is the oldest gives way to a new one.
const MaxDenials = 1000

// Denial counts the calls of one operation that one caller was denied.
type Denial struct {
	// Entry is the latest one.
	Entry
	// First is when the first of them was, and Count how many they are.
	First time.Time
	Count int64
}

// Denials of a log are a hash by caller and operation, and their order.
func deniedKeys(log string) []string {
	return []string{streamKey(log) + ":denied", streamKey(log) + ":denied:order"}
}

// CountDenied counts a call that was not allowed. It is no entry of the log: a
// caller who may change nothing must not push out what others have changed.
func (l *Log) CountDenied(ctx context.Context, e Entry, log string) error {
	const op = "count denied call"
	e = e.cut()
	raw, err := json.Marshal(e)
	if err != nil {
		return fault.Wrap(fault.Internal, op, err)
	}
	who := e.Subject + "\x00" + e.Operation
	if err := l.deny.Run(ctx, l.rdb, deniedKeys(log), who, raw, e.At.UnixMilli(), MaxDenials, MaxAge.Milliseconds()).Err(); err != nil {
		return redisdb.Fault(op, err)
	}
	return nil
}

// Denials lists what was denied, the latest first, at most limit of them
// from an offset on.
func (l *Log) Denials(ctx context.Context, log string, offset, limit int) ([]Denial, error) {
	const op = "list denied calls"
	keys := deniedKeys(log)
	names, err := l.rdb.ZRevRange(ctx, keys[1], int64(offset), int64(offset)+int64(limit)-1).Result()
	if err != nil || len(names) == 0 {
		return nil, orNil(op, err)
	}
	values, err := l.rdb.HMGet(ctx, keys[0], names...).Result()
	if err != nil {
		return nil, redisdb.Fault(op, err)
	}
	out := make([]Denial, 0, len(values))
	for _, v := range values {
		text, there := v.(string)
		if !there {
			continue // it gave way between the two commands
		}
		r, err := parseDenial(text)
		if err != nil {
			return nil, fault.Wrap(fault.Internal, op, err)
		}
		out = append(out, r)
	}
	return out, nil
}

func orNil(op string, err error) error {
	if err == nil {
		return nil
	}
	return redisdb.Fault(op, err)
}

// parseDenial reads "count first entry".
func parseDenial(text string) (Denial, error) {
	var r Denial
	parts := strings.SplitN(text, " ", 3)
	if len(parts) < 3 {
		return r, fmt.Errorf("a denial of %d parts", len(parts))
	}
	var err error
	if r.Count, err = strconv.ParseInt(parts[0], 10, 64); err != nil {
		return r, err
	}
	ms, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil {
		return r, err
	}
	r.First = time.UnixMilli(ms).UTC()
	return r, json.Unmarshal([]byte(parts[2]), &r.Entry)
}
