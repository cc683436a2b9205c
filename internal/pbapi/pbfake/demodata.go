package pbfake

// demo holds the texts of the demo workspace.
type demo struct {
	people, statuses, teams, tags []string
	// places distinguish names when there are more entities than names.
	places []string
	// names by entity type.
	names map[string][]string
	// sections are the parts of descriptions; every kind of element that
	// Productboard's editor has is in one of them.
	sections []string
	// share is how seeded entities are spread over the types after the first
	// few; a small seed has every type as well.
	share []string
}

func newDemo() demo {
	return demo{
		people:   []string{"jane.doe@example.com", "amir.haddad@example.com", "li.wei@example.com", "sofia.rossi@example.com"},
		statuses: []string{"New idea", "Candidate", "Planned", "In progress", "Released"},
		teams:    []string{"Platform", "Growth", "Mobile"},
		tags:     []string{"api", "enterprise", "quick win", "security", "mobile", "accessibility"},
		places:   []string{"mobile", "the admin console", "the public API", "teams", "large workspaces", "guests", "the desktop app"},
		names: map[string][]string{
			"product":   {"Atlas"},
			"component": {"Workspace", "Collaboration", "Comments & mentions", "Billing"},
			"feature": {
				"Single sign-on with SAML", "Dark mode", "Bulk edit of rows", "Export to CSV & Excel", "Keyboard shortcuts", "Saved filters",
				"Offline drafts", "Two-factor authentication", "Inline comments", "Audit log", "Webhooks with retries", "Undo for deletions",
				"Guided onboarding", "Search inside attachments", "Custom roles", "Usage reports", "Scheduled sends", "Multi-language names: 日本語, العربية, Ελληνικά",
				"Faster first paint <100 ms", "Import from spreadsheets",
			},
			"subfeature": {
				"Remember the last used filter", "Show who is typing", "Copy link to a row", "Empty states with a next step", "Rate limit headers",
				"Colour-blind safe palette", "Drag to reorder", "Paste images", "Mute a thread", "Resend an invitation",
			},
			"initiative":   {"Ready for the enterprise", "A week of speed", "Onboarding in five minutes", "Accessible by default", "Open platform"},
			"objective":    {"Grow self-serve revenue", "Be the tool teams trust", "Halve support load"},
			"keyResult":    {"Activation from 31% to 45%", "p95 load time below 1 s", "Tickets per 100 users below 4", "99.95% availability"},
			"releaseGroup": {"Roadmap 2026"},
			"release":      {"2026.1 Spring", "2026.2 Summer", "2026.3 Autumn", "2026.4 Winter"},
			"company":      {"Northwind Traders", "Contoso", "Fabrikam", "Tailspin Toys"},
			"user":         {"Robin Sample"},
		},
		sections: []string{
			`<h2>Why</h2><p>People work around it today, which takes <u>hours every week</u>. See the <a href="https://example.com/research?id=7&amp;lang=en">research notes</a>.</p>` +
				`<ul><li>Support gets asked about it daily<ul><li>mostly in the first week</li><li>mostly by admins</li></ul></li><li>Two deals were lost</li></ul>`,
			`<h1>Scope</h1><ol><li>Read the settings</li><li>Apply them <b>without a reload</b><ol><li>in this tab</li><li>in all tabs</li></ol></li><li>Tell the user</li></ol><hr>`,
			`<h3>Sizes</h3><table><tbody><tr><th>Plan</th><th>Rows</th><th>Today</th></tr><tr><td>Starter</td><td>1,000</td><td>0.4 s</td></tr>` +
				`<tr><td>Pro</td><td>50,000</td><td>2.1 s</td></tr><tr><td>Enterprise</td><td>1,000,000 | and more</td><td><b>19 s</b></td></tr></tbody></table>`,
			`<h2>Checklist</h2><ul data-type="taskList"><li data-type="taskItem" data-checked="true">Design reviewed</li>` +
				`<li data-type="taskItem" data-checked="false">Copy translated</li><li data-type="taskItem" data-checked="false">Metrics in place</li></ul>`,
			"<h2>Example</h2><pre><code class=\"language-go\">for _, row := range rows {\n\tif row.Visible &amp;&amp; row.Size &lt; limit {\n\t\tsend(row) // at most once\n\t}\n}</code></pre>",
			`<blockquote><p>I just want to press one button and know that it arrived.</p></blockquote><p>Asked by ` +
				`<a href="urn:pb:node:mention:6a1d">@Jane Doe</a> <a href="urn:pb:node:emoji:1f680">🚀</a>; the prototype is in <a href="urn:pb:node:embed:77aa">Figma: button states</a>.</p>`,
			`<p>Set <code>retries = 3</code> and <s>never</s> <b><i>always</i></b> log the outcome; 3 &lt; 5 &amp; "quotes" stay as they are.</p>`,
		},
		share: []string{
			"feature", "subfeature", "feature", "initiative", "feature", "release", "feature", "subfeature", "objective", "feature",
			"keyResult", "feature", "subfeature", "feature", "initiative", "feature", "subfeature", "feature", "feature", "company",
		},
	}
}
