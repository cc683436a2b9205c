package text_test

import (
	"github.com/stretchr/testify/require"
	"strings"
	"testing"
	"unicode/utf8"

	"pushbutton/internal/targets/text"
)

func TestAdvised(t *testing.T) {
	t.Parallel()
	const advice = ". Ask your admin to check it."
	for said, want := range map[string]string{
		"field is missing":    "Acme: field is missing" + advice,
		"It is wrong. ":       "Acme: It is wrong" + advice,
		"two\nlines, \x00odd": "Acme: two lines, odd" + advice,
	} {
		require.Equal(t, want, text.WithAdvice("Acme", said, advice))
	}
	long := text.WithAdvice("Acme", strings.Repeat("ä b ", 200), advice)
	require.LessOrEqual(t, utf8.RuneCountInString(long), text.MaxPublic)
	require.Greater(t, utf8.RuneCountInString(long), text.MaxPublic-5, "no more is cut than must be")
	require.True(t, strings.HasSuffix(long, "…"+advice), long)
	require.Contains(t, text.WithAdvice("Acme", "what the tracker says", strings.Repeat(". Long", 100)), "what the tracker says", "some of the words stay")
}

func TestOnly(t *testing.T) {
	t.Parallel()
	same := func(s string) string { return s }
	require.Empty(t, text.OnlyNames(nil, same))
	require.Equal(t, ", only Bug, Task", text.OnlyNames([]string{"Bug", "Task"}, same))
	many := text.OnlyNames(strings.Split(strings.Repeat("Bug,", 500), ","), same)
	require.LessOrEqual(t, utf8.RuneCountInString(many), 90)
	require.True(t, strings.HasSuffix(many, "…"), many)
}
