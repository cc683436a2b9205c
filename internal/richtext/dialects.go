package richtext

// The trackers' dialects of Markdown, by what else their text may do.

// GitHubMarkdown is for GitHub and GitHub Enterprise Server: no notification
// ("@name", "@org/team"), no reference ("#12", "owner/repo#12", "GH-12"), no
// closing word works.
func GitHubMarkdown() MarkdownOptions {
	return MarkdownOptions{BreakMentions: true, BreakReferences: "#", BreakClosing: true}
}

// GitLabMarkdown is for GitLab, whose references have many signs ("#12",
// "!12", "$12", "%12", "&12", "~12") and whose lines may be commands ("/close").
func GitLabMarkdown() MarkdownOptions {
	return MarkdownOptions{BreakMentions: true, BreakReferences: "#!$%&~", BreakClosing: true, EscapeCommands: true}
}

// GiteaMarkdown is for Gitea and Forgejo ("@name", "#12", "!12", "owner/repo#12").
func GiteaMarkdown() MarkdownOptions {
	return MarkdownOptions{BreakMentions: true, BreakReferences: "#!", BreakClosing: true}
}

// LinearMarkdown is for Linear, which shows no HTML.
func LinearMarkdown() MarkdownOptions {
	return MarkdownOptions{BreakMentions: true, NoHTML: true}
}

// ShortcutMarkdown is for Shortcut.
func ShortcutMarkdown() MarkdownOptions {
	return MarkdownOptions{BreakMentions: true, NoHTML: true}
}

// RedmineMarkdown is for a Redmine that is set to Markdown ("common_mark").
func RedmineMarkdown() MarkdownOptions {
	return MarkdownOptions{BreakMentions: true, BreakReferences: "#", BreakRedmine: true}
}
