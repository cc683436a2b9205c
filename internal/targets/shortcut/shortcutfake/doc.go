// Package shortcutfake is a Shortcut in memory: a strict, stateful simulator
// of the part of Shortcut's API v3 that a push needs, with two workspaces.
//
// Its source is Shortcut's published description of that API, and nothing of
// the adapter: it is the witness against which the adapter is tested. Where
// the description leaves a question open, it takes the reading that is harder
// on the client:
//
//   - an unknown property or parameter is refused, as are values longer than
//     published;
//   - a story needs a workflow state, and no external id is unique;
//   - lists (labels, links, owners, custom fields) are replaced by an update;
//   - look-ups may lag, and give stories in no order.
//
// What must not live here: anything of package shortcut but its Kind.
package shortcutfake
