package richtext

// MarkdownOptions is what the Markdown dialects differ in. The zero value is
// GitHub Flavored Markdown that leaves names and numbers alone; the dialects of
// the trackers are functions below. What is broken gets an invisible character
// in it; code, links and addresses never do, and hashes of commits do not
// either: they link only to commits that exist, and people copy such strings.
type MarkdownOptions struct {
	// BreakMentions keeps "@name" from notifying anybody.
	BreakMentions bool
	// BreakReferences lists the characters that make a reference with the
	// digit after them, "#" for "#12" and "owner/repo#12" (and then "GH-12"
	// as well), "#!$%&" on GitLab. None of them links to an issue any more.
	BreakReferences string
	// BreakClosing keeps "Fixes #12" and "closes https://..." from closing
	// anything.
	BreakClosing bool
	// EscapeCommands keeps a line that begins with "/close" from being taken
	// for a command (GitLab).
	EscapeCommands bool
	// EscapeMath keeps "$x$" from being shown as a formula.
	EscapeMath bool
	// BreakEmoji keeps ":tada:" from being shown as a picture.
	BreakEmoji bool
	// BreakGitLab keeps the references by name that only GitLab has ("~bug",
	// "%v1", "[vulnerability:12]", "*iteration:1") and its changes ("{+ x +}")
	// from working.
	BreakGitLab bool
	// BreakKeys keeps "ENG-12" from linking.
	BreakKeys bool
	// BreakShortcut keeps "sc-12", "ch12" and "[ch12]" from linking.
	BreakShortcut bool
	// BreakRedmine keeps Redmine's own links ("version:1.0", "r12",
	// "[[Page]]") and macros ("{{toc}}") from working.
	BreakRedmine bool
	// NoHTML is for trackers that show HTML tags as text. Without them a table
	// cell is one line, so lists and line breaks in it are flattened, and raised
	// text is "10^6".
	NoHTML bool
}

// GitHubMarkdown is for GitHub and GitHub Enterprise Server: "@name" and
// "@org/team" notify nobody, "#12", "owner/repo#12" and "GH-12" link nowhere,
// and "Fixes #12" closes nothing.
func GitHubMarkdown() MarkdownOptions {
	return MarkdownOptions{BreakMentions: true, BreakReferences: "#", BreakClosing: true, EscapeMath: true, BreakEmoji: true}
}

// GitLabMarkdown is for GitLab, where many signs refer: "#12" and
// "group/project#12" (issues), "!12" (merge requests), "&12" (epics), "%12" and
// "%v1" (milestones), "~12" and "~bug" (labels), "$12" (snippets), "^alert#12",
// "[vulnerability:12]"; "GL-12" is an issue too. A line that begins with "/" is
// no quick action.
func GitLabMarkdown() MarkdownOptions {
	return MarkdownOptions{
		BreakMentions: true, BreakReferences: "#!$%&~", BreakClosing: true, EscapeCommands: true,
		EscapeMath: true, BreakEmoji: true, BreakGitLab: true,
	}
}

// GiteaMarkdown is for Gitea and Forgejo: GitHub's references and "!12" for
// pull requests, and words that reopen as well as words that close.
func GiteaMarkdown() MarkdownOptions {
	return MarkdownOptions{BreakMentions: true, BreakReferences: "#!", BreakClosing: true, EscapeMath: true, BreakEmoji: true}
}

// LinearMarkdown is for Linear: "@name" notifies nobody and "ENG-12" does not
// link. Linear shows no HTML, so a table's cell is one line.
func LinearMarkdown() MarkdownOptions {
	return MarkdownOptions{BreakMentions: true, BreakKeys: true, BreakEmoji: true, NoHTML: true}
}

// ShortcutMarkdown is for Shortcut: "@name" notifies nobody, "sc-12" and
// "[ch12]" do not link. No HTML either.
func ShortcutMarkdown() MarkdownOptions {
	return MarkdownOptions{BreakMentions: true, BreakShortcut: true, BreakEmoji: true, NoHTML: true}
}

// RedmineCommonMark is for a Redmine whose text format is CommonMark: "@name",
// "#12" and Redmine's own links and macros do nothing. Redmine's older Markdown
// is [Doc.Redcarpet].
func RedmineCommonMark() MarkdownOptions {
	return MarkdownOptions{BreakMentions: true, BreakReferences: "#", BreakRedmine: true}
}
