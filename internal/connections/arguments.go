//go:build !mutant_uncut

package connections

// maxArguments bounds what one transition may add to a record, in bytes of JSON:
// an issue, a sentence or a person. It takes four times what the longest of them
// needs; their writers cut them. `make hostile-mutants` takes it away to prove
// that something has to; no release is built so.
const maxArguments = 16_384
