package connections

import (
	"hash/fnv"
	"strconv"
)

// Shards is over how many hash tags the records are spread, by tenant. All
// that a transition touches lies in its tenant's shard, and so on one node of
// a Redis Cluster. It is part of the layout: another number finds nothing.
const Shards = 16

// Names of the keys in Redis; every other one is made in transitions.lua.
//
//	pb:{push-N}:c:TENANT/INTEGRATION         hash: entity -> record
//	pb:{push-N}:x:TENANT/INTEGRATION:STATE   sorted set: entities by the time of their last change
//	pb:{push-N}:h:TENANT/INTEGRATION:ENTITY  list: history
//	pb:{push-N}:i:TENANT/INTEGRATION:BUCKET  hash: issue -> entity, see issueindex.lua
//	pb:{push-N}:rescue                       sorted set: connections by when the rescuer is due
//	pb:{push-N}:unreadable                   sorted set: connections whose record cannot be decoded
//	pb:{push-N}:wake                         list: runs that may begin at once
//	pb:{push-N}:s:TENANT                     set: the records that hold a slot
//	pb:{push-N}:b:TENANT                     sorted set: the backlog
//	pb:{push-N}:o:TENANT/INTEGRATION         string, while its tracker takes no calls
//	pb:{push-N}:t:TENANT                     hash: limits, count of records
func shardTag(shard int) string { return "pb:{push-" + strconv.Itoa(shard) + "}:" }

func shardOf(tenant string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(tenant))
	return int(h.Sum32() % Shards)
}

func tagOf(tenant string) string { return shardTag(shardOf(tenant)) }

func recordsKey(tenant, integration string) string {
	return tagOf(tenant) + "c:" + tenant + "/" + integration
}

func indexKey(tenant, integration string, state State) string {
	return tagOf(tenant) + "x:" + tenant + "/" + integration + ":" + string(state)
}

func closedKey(tenant, integration string) string {
	return tagOf(tenant) + "o:" + tenant + "/" + integration
}

func historyKey(k Key) string         { return tagOf(k.Tenant) + "h:" + k.String() }
func rescueKey(shard int) string      { return shardTag(shard) + "rescue" }
func unreadableKey(shard int) string  { return shardTag(shard) + "unreadable" }
func wakeKey(shard int) string        { return shardTag(shard) + "wake" }
func slotsKey(tenant string) string   { return tagOf(tenant) + "s:" + tenant }
func backlogKey(tenant string) string { return tagOf(tenant) + "b:" + tenant }
func accountKey(tenant string) string { return tagOf(tenant) + "t:" + tenant }
