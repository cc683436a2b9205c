// Package house holds the rules of this repository that no linter knows:
// which package may import which (floors.go), how the pages are written
// (prose.go), and which words were replaced (vocabulary.go). Its tests hold the
// repository to them.
//
// Nothing here is part of the program, and nothing imports it.
package house
