package azuredevops_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pushbutton/internal/targets"
	fake "pushbutton/internal/targets/azuredevops/azuredevopsfake"
)

// What people write into acceptance criteria arrives as they wrote it: whole,
// and in the form that each field shows.
func TestLongFields(t *testing.T) {
	t.Parallel()
	const criteria = "<p>Given <b>dark</b> mode</p><ul><li>menus<ul><li>icons</li></ul></li></ul><pre>if x {\n    y()\n\n}</pre>"
	s := fake.New(t)
	target := open(t, s.URL, mine("type", "User Story", "fields", map[string]any{"Acceptance Criteria": `{{field "AC"}}`, "Notes": `{{field "AC"}}`, "Region": `{{field "Long"}}`}))
	i := item()
	i.Fields["AC"] = targets.FieldText{HTML: criteria + strings.Repeat("<p>line</p>", 200)}
	i.Fields["Long"] = targets.FieldText{HTML: strings.Repeat("<p>line</p>", 200)}
	d, err := target.Draft("pb-1", i)
	require.NoError(t, err)
	_, err = target.Create(t.Context(), d)
	require.NoError(t, err)
	fields := s.Item(1).Fields
	require.Equal(t, "<p>Given <strong>dark</strong> mode</p><ul><li>menus<ul><li>icons</li></ul></li></ul><pre><code>if x {\n    y()\n\n}</code></pre>"+strings.Repeat("<p>line</p>", 200),
		fields["Microsoft.VSTS.Common.AcceptanceCriteria"])
	require.Equal(t, "Given dark mode\n\n- menus\n  - icons\n\nif x {\n    y()\n\n}"+strings.Repeat("\n\nline", 200), fields["Custom.Notes"], "a field without markup")
	require.Len(t, []rune(fields["Custom.Region"].(string)), 255)
}
