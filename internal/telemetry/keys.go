package telemetry

// The keys of the attributes of log lines. One thing has one key in every line,
// so that a search for it finds all of them. Operators search by these names:
// a change of one belongs in the changelog.
const (
	// Whose line it is. connections.Key.LogAttr sets the first three at once.
	KeyTenant      = "tenant"
	KeyIntegration = "integration"
	KeyEntity      = "entity"
	KeyName        = "name" // of an integration
	KeyTarget      = "target"
	KeyIssue       = "issue"
	KeyKept        = "kept"   // the issue that stays, of two
	KeyClosed      = "closed" // the issue that is closed, of two
	KeySide        = "side"   // a fault.Side

	// Which click or run it is, and how far it is.
	KeyTrigger    = "trigger"
	KeyGeneration = "generation"
	KeyRun        = "run"
	KeyStep       = "step"
	KeyState      = "state"
	KeyAttempts   = "attempts"
	KeyLost       = "lost" // how many workers a run has lost

	// How it ended.
	KeyOutcome = "outcome"
	KeyDone    = "done" // what was done about it
	KeyReason  = "reason"
	KeyFailure = "failure" // a fault.Kind that the button shows
	KeyError   = "error"
	KeyPanic   = "panic"
	KeyStack   = "stack"
	KeyMillis  = "ms"
	KeyTook    = "took"

	// Requests to the admin API.
	KeyRequest   = "request" // the id that the answer carries too
	KeyOperation = "operation"
	KeySubject   = "subject"
	KeyToken     = "token" // the id of a token, never the token

	// Credentials that end.
	KeyExpires = "expires"
	KeyNote    = "note"

	// How many of each.
	KeyIntegrations = "integrations"
	KeyConnections  = "connections"
	KeyPushes       = "pushes"

	// The process itself.
	KeyVersion     = "version"
	KeyAPI         = "api"
	KeyWorker      = "worker"
	KeyListen      = "listen"
	KeyOps         = "ops"
	KeyFolder      = "folder"
	KeyAppendFsync = "appendfsync"
	KeyEnded       = "ended" // how a child process ended
	KeyVariable    = "variable"

	// Lines that are folded.
	KeyFrom     = "from" // the library or place that a line comes from
	KeyRepeated = "repeated"
)
