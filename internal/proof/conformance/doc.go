// Package conformance holds our client, our simulator and our own endpoints
// against what Productboard publishes of its API. It is a module of its own,
// so that the validator and all it needs stay out of the service's module
// graph; it holds tests and what they need, and nothing imports it.
//
// Where the published files are not at hand its tests skip, and say so.
package conformance
