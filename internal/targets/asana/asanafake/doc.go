// Package asanafake is an Asana in memory: a strict, stateful simulator of the
// part of Asana's API 1.0 that a push needs.
//
// Its sources are Asana's published description of that API and its
// documentation, and nothing of the adapter: it is the witness against which
// the adapter is tested. Where they leave a question open, it takes the
// reading that is harder on the client:
//
//   - a reply holds what opt_fields asked for and nothing else;
//   - an unknown property, parameter or opt_field is refused, as are notes
//     that are not well-formed or hold an element that Asana does not know;
//   - external data is for OAuth apps alone, and its id is not unique;
//   - tasks come in the project's order, newest first, in pages.
//
// What must not live here: anything of package asana but its Kind.
package asanafake
