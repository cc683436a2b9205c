// Package pbfake is a Productboard in memory: a strict simulator of what a
// push-button plugin meets there. It serves the API v2 operations that such a
// plugin uses: all ten of plugin integrations, and reading and searching
// entities, their relationships and configurations. It sends the callbacks:
// probes during create and update, and clicks with their limit of 5 seconds. It
// records all that happened, and it fails on demand.
//
// Its source is Productboard's published description of the API, and nothing of
// the plugin. The client is tested against it, so it must never be bent to fit
// the client. Where the description leaves a question open, the simulator takes
// the reading that is harder on the client:
//
//   - a missing field or a wrong JSON type is a 400, a wrong value or an
//     unknown field a 422; an unknown query parameter is a 400
//   - an action in a PATCH replaces the former one whole, and is probed while
//     the integration is enabled, also if its address stays the same
//   - a failed probe is a 422 with the code callback.probeFailed
//   - a connection of an entity that does not exist is a 404, also to read
//   - 50 requests per second are counted in a sliding window
//   - of a session's refresh tokens only the latest is not superseded; another
//     may be used for 60 minutes from then, after that its use ends the session
//   - an assertion names its user, its audience and lives 300 s at most
//   - a bad answer to a click puts the connection into error, whatever the
//     trigger was, with the reason in debugDetail
//
// Plugins are reached through an "edge" only ([Fake.SetEdge]), which stands for
// the TLS-terminating load balancer in front of them. So action URLs stay https
// and public, as Productboard demands, and nothing has to be loosened for
// development. The simulator never opens a connection to another machine.
//
// # Control API
//
// [Fake.Control] is for other processes: the board page, end-to-end and chaos
// drivers. It is mounted by the sandbox commands only and has no access
// control beyond refusing requests of other web sites. Everything is JSON
// below /sandbox/api; docs/start.md describes it with examples.
//
//	GET    /board                     everything that a board shows, and the journal's position
//	GET    /entities                  ?type=
//	POST   /entities                  {"entities":[{"type","fields","parent"}]} or {"seed":200}
//	GET    /integrations
//	PUT    /integrations/{id}/legacy  {"legacy":true}
//	GET    /connections               ?integrationId=&state=
//	POST   /clicks                    {"integrationId","entityId","trigger","user":{"name","email"}}
//	GET    /faults                    POST sets one, DELETE clears all, DELETE /faults/{id} one
//	GET    /journal                   ?since=&limit=
//	GET    /events                    server-sent events, ?since= or Last-Event-ID
//	GET    /counters                  ?integrationId=&entityId=; DELETE sets them to zero
//	PUT    /edges                     {"origin","backends":[...]}
//	PUT    /ratelimit                 {"perSecond":50}
//	POST   /tokens                    {"value","scopes":[...],"app"}; DELETE /tokens/{value}
//	POST   /oauth/apps                {"clientId","secret","redirectUris":[],"scopes":[],"publicKey","users":[]}
//	GET    /oauth/stats               what happened to sessions and refresh tokens
//	POST   /oauth/expire              every access token expires now
//	POST   /oauth/revoke              {"clientId"}: its sessions and tokens end
//	PUT    /oauth/consent             {"deny":true}: the user refuses
//
// What must not live here: anything about this plugin, its client's types,
// pages (internal/pbapi/pbfake/board), or access to the network beyond this machine.
package pbfake
