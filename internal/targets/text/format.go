package text

// The formats that an issue's text can be in, as targets.Renderer names them.
const (
	FormatMarkdown = "markdown"
	FormatHTML     = "html"
	FormatWiki     = "wiki"    // Jira's
	FormatTextile  = "textile" // Redmine's
	FormatADF      = "adf"     // Atlassian Document Format, JSON
	FormatAsana    = "asana"   // Asana's XML
	FormatPlain    = "plain"
)
