package httptarget

import (
	"slices"

	"pushbutton/internal/targets"
	"pushbutton/internal/targets/settings"
)

// The names of settings, at the top and nested.
const (
	setPreset     = "preset"
	setVars       = "vars"
	setName       = "name"
	setHeaders    = "headers"
	setSign       = "sign"
	setFormat     = "format"
	setMarkdown   = "markdown"
	setLimits     = "limits"
	setCheck      = "check"
	setCreate     = "create"
	setFind       = "find"
	setRead       = "read"
	setReadMany   = "readMany"
	setUpdate     = "update"
	setComment    = "comment"
	setClose      = "close"
	setIssue      = "issue"
	setError      = "error"
	setFieldTypes = "fieldTypes"
	setWebhook    = "webhook"

	reqMethod      = "method"
	reqURL         = "url"
	reqBody        = "body"
	reqContentType = "contentType"
	reqExpect      = "expect"
	reqRefuse      = "refuse"
	reqAt          = "at"
	reqMissing     = "missing"
	reqSays        = "says"

	findList        = "list"
	findMarker      = "marker"
	findMatch       = "match"
	findSort        = "sort"
	findNext        = "next"
	findMost        = "most"
	findConsistency = "consistency"
	findScan        = "scan"

	manyList  = "list"
	manyLimit = "limit"

	issueID      = "id"
	issueKey     = "key"
	issueURL     = "url"
	issueTitle   = "title"
	issueStatus  = "status"
	issueStarted = "started"
	issueDone    = "done"
	issueTrashed = "trashed"
	issuePattern = "idPattern"

	errMessage    = "message"
	errCode       = "code"
	errWhen       = "when"
	errStatus     = "status"
	errKinds      = "kinds"
	errStatuses   = "statuses"
	errPlain      = "plain"
	errGone       = "gone"
	errRetryAfter = "retryAfter"

	hookSignature = "signature"
	hookPrefix    = "prefix"
	hookEncoding  = "encoding"
	hookAlgorithm = "algorithm"
	hookID        = "id"
	hookDelivery  = "delivery"

	limTitle       = "title"
	limDescription = "description"
	limCount       = "count"

	mdMentions   = "mentions"
	mdReferences = "references"
	mdClosing    = "closing"
	mdCommands   = "commands"
	mdRedmine    = "redmine"
	mdNoHTML     = "noHTML"

	// credSigning is the one credential that has a name of its own.
	credSigning = "signingSecret"

	signWebhooks = "standard-webhooks"
	matchWord    = "word"
	matchEquals  = "equals"
)

// The formats of descriptions, and what limits count.
const (
	formatMarkdown  = "markdown"
	formatHTML      = "html"
	formatWiki      = "wiki"
	formatTextile   = "textile"
	formatRedcarpet = "redcarpet"
	formatADF       = "adf"
	formatPlain     = "plain"

	encodingHex    = "hex"
	encodingBase64 = "base64"
	// algorithmSHA256 is the one algorithm. Those that others had are broken.
	algorithmSHA256 = "sha256"

	countCharacters = "characters"
	countBytes      = "bytes"
	countCRLF       = "crlf"
)

// maxTemplate bounds a template in the settings, in bytes.
const maxTemplate = 32 << 10

// allSettings are a description, and which ready-made one it begins with.
func allSettings() []settings.Field {
	return append([]settings.Field{
		{Name: setPreset, Enum: presetNames(), Example: "trello",
			Help: "A ready-made description. What is set beside it takes the place of its parts."},
		{Name: setVars, Type: settings.TypeMap, Example: `{ listId: 5f0c0a1b2c3d4e5f60718293 }`,
			Help: `Constants for {{var "name"}} in templates and JSONPaths. A preset says which it needs.`},
	}, description()...)
}

// description are the settings that a ready-made description can have too.
func description() []settings.Field {
	return []settings.Field{
		{Name: setName, Example: "Helpdesk", Help: "What people call the tracker, in messages. Default: the host of create.url."},
		{Name: setHeaders, Type: settings.TypeMap, Max: maxTemplate, Example: `{ Authorization: 'Bearer {{secret "token"}}' }`,
			Help: "Headers of every request; a request's own come on top."},
		{Name: setSign, Enum: []string{signWebhooks}, Example: signWebhooks,
			Help: "Signs every request as Standard Webhooks does (webhook-id, webhook-timestamp, webhook-signature) with the credential signingSecret."},
		{Name: setFormat, Enum: []string{formatMarkdown, formatHTML, formatWiki, formatTextile, formatRedcarpet, formatADF, formatPlain}, Example: formatHTML,
			Help: "What {{.Description}} is written in. Default: markdown. adf is a JSON value, redcarpet the older Markdown of Redmine."},
		{Name: setMarkdown, Type: settings.TypeObject, Fields: markdownFields(), Example: `{ mentions: true, references: "#" }`,
			Help: "What the tracker's Markdown makes of ordinary text, so that it is kept from it."},
		{Name: setLimits, Type: settings.TypeObject, Fields: limitFields(), Example: "{ title: 255, description: 65535 }",
			Help: "How much the tracker takes; longer texts are cut."},
		{Name: setCheck, Type: settings.TypeObjects, Fields: checkFields(), Example: `[{ url: 'https://api.example.com/me', expect: $.id }]`,
			Help: "Requests that authenticate first, and then check what else a create needs, without creating. Without one a wrong credential shows with the first push."},
		{Name: setCreate, Usual: true, Type: settings.TypeObject, Fields: createFields(), Example: `{ url: 'https://api.example.com/issues', body: '{"title": {{.Title}}, "ref": {{.Marker}}}' }`,
			Help: "The request that creates an issue. Required without a preset."},
		{Name: setFind, Type: settings.TypeObject, Fields: findFields(), Example: `{ url: 'https://api.example.com/issues?ref={{.Marker}}', list: $.issues, marker: $.ref }`,
			Help: "The request that looks an issue up by its marker. Without one a lost answer may make a second issue."},
		{Name: setRead, Type: settings.TypeObject, Fields: requestFields("GET", missing()), Example: `{ url: 'https://api.example.com/issues/{{.ID}}' }`,
			Help: "The request that reads an issue by its id."},
		{Name: setReadMany, Type: settings.TypeObject, Fields: manyFields(), Example: `{ url: 'https://api.example.com/issues?ids={{join "," .IDs}}', list: $.issues, limit: 100 }`,
			Help: "The request that reads several issues by their ids. Needs read, which is sent for each issue that the answer leaves out."},
		{Name: setUpdate, Type: settings.TypeObject, Fields: requestFields("PUT", missing()), Example: `{ url: 'https://api.example.com/issues/{{.ID}}', body: '{"title": {{.Title}}}' }`,
			Help: "The request that writes title and description anew; nothing sends it yet. It must leave the marker as it is."},
		{Name: setComment, Type: settings.TypeObject, Fields: requestFields("POST", missing()), Example: `{ url: 'https://api.example.com/issues/{{.ID}}/comments', body: '{"text": {{.Comment}}}' }`,
			Help: "The request that adds a remark, {{.Comment}}."},
		{Name: setClose, Type: settings.TypeObject, Fields: requestFields("POST", missing()), Example: `{ url: 'https://api.example.com/issues/{{.ID}}/close' }`,
			Help: "The request that closes an issue."},
		{Name: setIssue, Type: settings.TypeObject, Fields: issueFields(), Example: "{ id: $.id, url: $.html_url, status: $.state, done: [closed] }",
			Help: "Where an issue's parts stand in answers. A text that begins with $ is a JSONPath, any other a template of .ID, .Key and .Marker. Default: the answer is not read, the marker is the id."},
		{Name: setError, Type: settings.TypeObject, Fields: errorFields(), Example: "{ message: [$.error.message] }",
			Help: "How the tracker says what is wrong."},
		{Name: setFieldTypes, Type: settings.TypeMap, Example: "{ Effort: number }",
			Enum: []string{string(targets.ValueText), string(targets.ValueLongText), string(targets.ValueNumber), string(targets.ValueBool), string(targets.ValueDate), string(targets.ValueTime), string(targets.ValueURL)},
			Help: "Types of custom fields (settings.fields), which are text otherwise. longtext is written in the description's format."},
		{Name: setWebhook, Type: settings.TypeObject, Fields: webhookFields(), Example: "{ signature: X-Signature, id: $.issue.id }",
			Help: "How the tracker signs its webhooks, and where they name an issue. Needs read, which is sent for each issue that a webhook names."},
	}
}

// requestFields are a request's, with a method if none is given.
func requestFields(method string, more ...settings.Field) []settings.Field {
	return append([]settings.Field{
		{Name: reqMethod, Enum: []string{"GET", "POST", "PUT", "PATCH", "DELETE"}, Default: method, Example: method, Help: "The HTTP method."},
		{Name: reqURL, Required: true, Max: maxTemplate, Example: `'https://api.example.com/issues/{{.ID}}'`,
			Help: `Template of the address; values are escaped for where they stand. The host must be constant or {{var "name"}}.`},
		{Name: setHeaders, Type: settings.TypeMap, Max: maxTemplate, Example: `{ Accept: application/json }`, Help: "Headers: templates."},
		{Name: reqBody, Max: maxTemplate, Example: `'{"title": {{.Title}}}'`,
			Help: "Template of the body. In JSON, {{.Title}} is a whole value outside of quotes and a piece of text inside of them; it cannot break out."},
		{Name: reqContentType, Example: "application/x-www-form-urlencoded",
			Help: "The body's type, and so how values in it are escaped: JSON (also +json), form, XML or text/plain. Default: application/json."},
		{Name: reqExpect, Example: "$.ok", Help: "JSONPath that must select something other than null, false, 0 or an empty text in a good answer."},
		{Name: reqRefuse, Example: "$.errors[0]", Help: "JSONPath that selects such a thing in an answer that is a refusal, whatever its status."},
		{Name: reqAt, Example: "$.data.issue", Help: "JSONPath of the issue in the answer. Default: all of it."},
	}, more...)
}

func missing() settings.Field {
	return settings.Field{Name: reqMissing, Example: "$.data[?length(@) == 0]",
		Help: "JSONPath that selects such a thing in an answer that means: there is no such issue, or it is hidden. 404 and 410 always do."}
}

func createFields() []settings.Field { return requestFields("POST") }

func checkFields() []settings.Field {
	fields := requestFields("GET", settings.Field{Name: reqSays, Example: "There is no such list.", Help: "What an admin reads if the answer is not as expected."})
	for i := range fields {
		if fields[i].Name == reqExpect {
			fields[i].Required = true
			fields[i].Help += " A login page is an answer, too."
		}
	}
	return fields
}

func findFields() []settings.Field {
	return slices.Concat(requestFields("GET"), []settings.Field{
		{Name: findList, Required: true, Example: "$.issues", Help: "JSONPath of the one list of candidates in the answer, which may be empty."},
		{Name: findMarker, Required: true, Example: "$.reference", Help: "JSONPath of the marker in a candidate."},
		{Name: findMatch, Enum: []string{matchEquals, matchWord}, Default: matchEquals, Example: matchWord,
			Help: "Whether that is the marker alone, or a text that holds it as a word."},
		{Name: findSort, Example: "$.created_at", Help: "JSONPath in a candidate that sorts the oldest first. Default: the list's order."},
		{Name: findNext, Example: "$.next_cursor", Help: "JSONPath of what the next page's request has as {{.Cursor}}; nothing, null, false or empty on the last."},
		{Name: findMost, Type: settings.TypeInt, Example: "100",
			Help: "The most that one answer lists: as many without the marker prove nothing, and are an error."},
		{Name: findConsistency, Type: settings.TypeInt, Example: "10", Help: "For how many seconds a new issue may be missed. Default: 0."},
		{Name: findScan, Type: settings.TypeBool, Example: "true", Help: "Whether the look-up reads through issues of all sorts."},
	})
}

func manyFields() []settings.Field {
	fields := requestFields("GET")
	for i := range fields {
		if fields[i].Name == reqAt {
			fields[i].Help = "JSONPath of the issue in an element of the list. Default: the whole element."
		}
	}
	return append(fields,
		settings.Field{Name: manyList, Required: true, Example: "$.issues", Help: "JSONPath of the one list in the answer, whose elements have an issue each, in any order."},
		settings.Field{Name: manyLimit, Type: settings.TypeInt, Required: true, Example: "100", Help: "The most ids of one request."})
}

func issueFields() []settings.Field {
	return []settings.Field{
		{Name: issueID, Required: true, Example: "$.id", Help: "What the API calls the issue."},
		{Name: issueKey, Example: "'#{{.ID}}'", Help: "What people call it. Default: the id."},
		{Name: issueURL, Max: maxTemplate, Example: `'{{var "url"}}/issues/{{.ID}}'`, Help: "The page that a browser opens."},
		{Name: issueTitle, Example: "$.title", Help: "Its title. Default: the one that was sent."},
		{Name: issueStatus, Type: settings.TypeList, Example: "$.state", Help: "The tracker's name for where it stands; of several the first that says something."},
		{Name: issueStarted, Type: settings.TypeList, Example: "[In Progress]", Help: "What means that somebody has begun: a status, a JSONPath that must hold, or JSONPath == text."},
		{Name: issueDone, Type: settings.TypeList, Example: "[$.closed, $.state == rejected]", Help: "What means that it is closed, likewise."},
		{Name: issueTrashed, Type: settings.TypeList, Example: "[$.in_trash]", Help: "What means that people threw it away and can still restore it, likewise. A push then says so."},
		{Name: issuePattern, Example: "'[0-9]+'", Help: "Regular expression of a whole id; another one is not asked for."},
	}
}

func errorFields() []settings.Field {
	kinds := kindNames()
	return []settings.Field{
		{Name: errMessage, Type: settings.TypeList, Example: "[$.errors[*].message]", Help: "JSONPaths of what the tracker says; the first that selects text counts."},
		{Name: errPlain, Type: settings.TypeBool, Example: "true", Help: "Whether an answer that is plain text is such a message."},
		{Name: errGone, Type: settings.TypeList, Example: "[Task not found]",
			Help: "What the tracker says, as message or code, of an issue that it has deleted; (empty) is an answer without a body. A push then makes another issue, if check succeeds as well. Leave out what it also says of an issue that it hides."},
		{Name: errCode, Example: "$.errors[0].code", Help: "JSONPath of the tracker's code for what is wrong."},
		{Name: errWhen, Example: "$.errors[0]", Help: "JSONPath that selects something in every refusal, also one with the status 200."},
		{Name: errStatus, Example: "$.errors[0].status", Help: "JSONPath of an HTTP status in a refusal that has the status 200 itself."},
		{Name: errKinds, Type: settings.TypeMap, Enum: kinds, Example: "{ RATE_LIMITED: rateLimited, INTERNAL: unknown }",
			Help: "What codes mean. unknown leaves open whether the request was carried out; all others say that it was not."},
		{Name: errStatuses, Type: settings.TypeMap, Enum: kinds, Example: "{ 529: rateLimited }", Help: "What HTTP statuses mean, where it is not the usual."},
		{Name: errRetryAfter, Example: "X-RateLimit-Reset", Help: "JSONPath, or name of a header, with the seconds to wait, or the second (Unix time) to wait for. Retry-After is read anyway."},
	}
}

func webhookFields() []settings.Field {
	return []settings.Field{
		{Name: hookSignature, Required: true, Example: "X-Hub-Signature-256", Help: "Name of the header with the signature: the HMAC of the body under the webhook's secret."},
		{Name: hookPrefix, Example: "sha256=", Help: "What stands before the signature in the header. Default: nothing."},
		{Name: hookEncoding, Enum: []string{encodingHex, encodingBase64}, Default: encodingHex, Example: encodingBase64, Help: "How the signature is written. Default: hex."},
		{Name: hookAlgorithm, Enum: []string{algorithmSHA256}, Default: algorithmSHA256, Example: algorithmSHA256, Help: "The hash of the HMAC."},
		{Name: hookID, Required: true, Example: "$.issue.id", Help: "JSONPath of the issue's id in the body, as in issue.id; it may select several. A body in which it selects nothing is of something else."},
		{Name: hookDelivery, Example: "X-GitHub-Delivery", Help: "Name of the header that is the same for each try to deliver one event. Without one, repeats are read again."},
	}
}

func limitFields() []settings.Field {
	return []settings.Field{
		{Name: limTitle, Type: settings.TypeInt, Example: "255", Help: "The longest title, in characters."},
		{Name: limDescription, Type: settings.TypeInt, Example: "65535", Help: "The longest description."},
		{Name: limCount, Enum: []string{countCharacters, countBytes, countCRLF}, Example: countBytes,
			Help: "What a description is measured in. Default: characters. crlf: bytes, with two for a line end."},
	}
}

func markdownFields() []settings.Field {
	return []settings.Field{
		{Name: mdMentions, Type: settings.TypeBool, Example: "true", Help: "Whether @name notifies somebody."},
		{Name: mdReferences, Example: "'#!'", Help: "Signs that make a reference with a number after them."},
		{Name: mdClosing, Type: settings.TypeBool, Example: "true", Help: "Whether words such as \"Fixes #1\" close anything."},
		{Name: mdCommands, Type: settings.TypeBool, Example: "true", Help: "Whether lines such as /close are commands."},
		{Name: mdRedmine, Type: settings.TypeBool, Example: "true", Help: "Whether Redmine's links and macros work."},
		{Name: mdNoHTML, Type: settings.TypeBool, Example: "true", Help: "Whether HTML tags are shown as text. Line breaks in table cells and raised text (10^6) then do without tags."},
	}
}
