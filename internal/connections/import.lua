-- Stores many records of one integration that come from elsewhere, a backup or
-- another deployment. What is known here already is not overwritten.
--
-- KEYS: 1 the integration's records; the other keys carry the same hash tag, as
--       in transitions.lua, which says what they hold.
-- ARGV: 1 tenant, 2 integration; then for each record: entity, record as JSON,
--       state, when it last changed (0: now), what is left to do ('' nothing,
--       'backlog', or 'parked' until a credential works again), the id of the
--       issue that its button shows ('': none).
-- Answer: how many were stored.

local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
local records, tenant, integration = KEYS[1], ARGV[1], ARGV[2]
local tag = string.match(records, '^[^}]*}:')
local place = tenant .. '/' .. integration
local count, docs, lists = 0, {}, {}

-- include issueindex.lua

local function add(key, score, member)
  local list = lists[key]
  if not list then
    list = {}
    lists[key] = list
  end
  list[#list + 1] = score
  list[#list + 1] = member
end

local entities = {}
for i = 3, #ARGV, 6 do entities[#entities + 1] = ARGV[i] end
local known = redis.call('HMGET', records, unpack(entities))

local seen = {}
for n, entity in ipairs(entities) do
  if not known[n] and not seen[entity] then
    seen[entity] = true
    count = count + 1
    local i = n * 6 - 3
    local changed, todo = ARGV[i + 3], ARGV[i + 4]
    docs[#docs + 1] = entity
    docs[#docs + 1] = ARGV[i + 1]
    if changed == '0' then changed = now end
    add(tag .. 'x:' .. place .. ':' .. ARGV[i + 2], changed, entity)
    if todo ~= '' then -- the rescuer gives it a slot
      add(tag .. 'b:' .. tenant, now, integration .. ':' .. entity)
      add(tag .. 'rescue', now, place .. ':' .. entity)
    end
    if ARGV[i + 5] ~= '' then index_add(ARGV[i + 5], entity) end
    if todo == 'parked' then add(tag .. 'x:' .. place .. ':parked', now, entity) end
  end
end
if count == 0 then return 0 end

redis.call('HSET', records, unpack(docs))
for key, list in pairs(lists) do redis.call('ZADD', key, unpack(list)) end
redis.call('HINCRBY', tag .. 't:' .. tenant, 'n', count)
return count
