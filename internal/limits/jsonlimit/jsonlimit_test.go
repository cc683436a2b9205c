package jsonlimit_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/limits/jsonlimit"
	"pushbutton/internal/proof/boundtest"
)

func TestScan(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		``: 0, `{}`: 1, ` [ ] `: 1, `"a"`: 1, `-1.5e+3`: 1, `[1,2,3]`: 4, `{"a":1}`: 2, `{"a" : {"b" :[true,null,"x"]}}`: 6,
		`["\"", "\\", ":", "{[" ]`: 5, `{"\"a\\":"b"}`: 2, `[[],[[]]]`: 4,
		"[\"a\"\n]": 2, `{"a":"b","c":"d"}`: 3,
	} {
		got, err := jsonlimit.Limits{Values: 100}.Scan([]byte(text))
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
		if want < 2 {
			continue
		}
		_, err = jsonlimit.Limits{Values: want}.Scan([]byte(text))
		require.NoError(t, err, text)
		_, err = jsonlimit.Limits{Values: want - 1}.Scan([]byte(text))
		exceeded := &jsonlimit.ExceededError{}
		require.ErrorAs(t, err, &exceeded, text)
		require.Equal(t, jsonlimit.Values, exceeded.What)
		require.Equal(t, want-1, exceeded.Limit)
		require.False(t, json.Valid([]byte(text)[:exceeded.At]), "what stands before it is no JSON")
	}
}

func TestDepth(t *testing.T) {
	t.Parallel()
	nested := func(n int) []byte { return []byte(strings.Repeat(`{"a":[`, n/2) + strings.Repeat(`]}`, n/2)) }
	for _, most := range []int{0, 2, 200} {
		limit := most
		if limit == 0 {
			limit = jsonlimit.MaxDepth
		}
		limits := jsonlimit.Limits{Values: 1000, Depth: most}
		_, err := limits.Scan(nested(limit))
		require.NoError(t, err)
		_, err = limits.Scan(nested(limit + 2))
		exceeded := &jsonlimit.ExceededError{}
		require.ErrorAs(t, err, &exceeded)
		require.Equal(t, jsonlimit.ExceededError{What: jsonlimit.Levels, Limit: limit, At: exceeded.At}, *exceeded)
		_, err = limits.Scan([]byte("[" + strings.Repeat("[],", 100) + "[]]"))
		require.NoError(t, err, "side by side is not deep")
	}
}

// A text that is refused costs nothing, however large it is.
func TestARefusalAllocatesNothing(t *testing.T) {
	bomb := []byte("[" + strings.Repeat("{},", 4<<20/3) + "{}]")
	limits := jsonlimit.Limits{Values: 10_000}
	var out any
	require.LessOrEqual(t, testing.AllocsPerRun(10, func() {
		if limits.Unmarshal(bomb, &out) == nil {
			t.Error("it was taken")
		}
	}), 2.0)
	require.Nil(t, out)
	fits := []byte("[" + strings.Repeat(`{"a":"b"},`, 1000) + "{}]")
	require.Zero(t, testing.AllocsPerRun(10, func() {
		if _, err := limits.Scan(fits); err != nil {
			t.Error(err)
		}
	}))
}

// count counts by encoding/json's own tokens.
func count(text []byte) (values, depth int) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var open []json.Delim
	names := map[int]bool{} // by level: the next text is a name
	for {
		token, err := dec.Token()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				return -1, -1
			}
			return values, depth
		}
		level := len(open)
		inObject := level > 0 && open[level-1] == '{'
		switch delim, is := token.(json.Delim); {
		case is && (delim == '}' || delim == ']'):
			open = open[:level-1]
			continue
		case inObject && !names[level]:
			names[level] = true // this token was the name
			continue
		case is:
			names[level] = false
			open = append(open, delim)
			names[level+1] = false
			depth = max(depth, level+1)
		default:
			names[level] = false
		}
		values++
	}
}

func FuzzUnmarshal(f *testing.F) {
	for _, text := range []string{``, `{}`, `[1,2]`, `{"a":{"b":["c",null]}}`, `"\u0022"`, `{"a":1}{}`, `[[[[[[[[[]]]]]]]]]`, `{"a":1,"a":2}`, "\xff", `["\`, `[1 2]`, `{"":""}`, `nul`, ` 1 `} {
		f.Add([]byte(text), 5, 3)
	}
	for _, text := range boundtest.JSON() {
		f.Add([]byte(text), 49, 9)
	}
	f.Fuzz(func(t *testing.T, text []byte, values, depth int) {
		limits := jsonlimit.Limits{Values: 1 + max(values, 0)%50, Depth: 1 + max(depth, 0)%10}
		var got, want any
		var err error
		boundtest.Memory(t, len(text), boundtest.Limit{Base: 8 << 10, PerByte: 100}, func() { err = limits.Unmarshal(text, &got) })
		if json.Unmarshal(text, &want) != nil {
			require.Error(t, err, "encoding/json refuses it too")
			return
		}
		n, deep := count(text)
		require.GreaterOrEqual(t, n, 1)
		if n > limits.Values || deep > limits.Depth {
			require.ErrorAs(t, err, new(*jsonlimit.ExceededError))
			require.Nil(t, got)
			return
		}
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}
