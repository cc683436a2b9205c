-- What is remembered of one owner's keys, within a number of bytes.
-- KEYS: hash of entries by id; sorted set of the ids by when each is over (ms);
--       how many bytes the entries are.
-- ARGV: verb, id, entry; then
--   begin: for how long (ms), most bytes, what an entry costs beside its text
--   end:   what replaces the entry ('': nothing), the same in short, for how
--          long (ms), most bytes, what an entry costs
-- Answer of begin: 'took'; 'kept' and the entry; or 'full' and in how many ms
-- an entry is over. Of end: 'lost' where the entry is not there (any more),
-- 'done', or 'short'.
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
local verb, id, entry = ARGV[1], ARGV[2], ARGV[3]
local held = tonumber(redis.call('GET', KEYS[3]) or '0')

local function add(bytes)
  held = math.max(held + bytes, 0)
end

local function remove(name, cost)
  local text = redis.call('HGET', KEYS[1], name)
  if text then add(-(#text + cost)) end
  redis.call('HDEL', KEYS[1], name)
  redis.call('ZREM', KEYS[2], name)
end

local function put(text, life, cost)
  redis.call('HSET', KEYS[1], id, text)
  redis.call('ZADD', KEYS[2], string.format('%.0f', now + life), id)
  add(#text + cost)
end

-- All of it goes with the last entry.
local function keep()
  local last = redis.call('ZREVRANGE', KEYS[2], 0, 0, 'WITHSCORES')[2]
  if not last then
    redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
    return
  end
  redis.call('SET', KEYS[3], string.format('%.0f', held))
  for i = 1, 3 do redis.call('PEXPIREAT', KEYS[i], string.format('%.0f', tonumber(last) + 1)) end
end

if verb == 'begin' then
  local life, most, cost = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
  for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', string.format('%.0f', now), 'LIMIT', 0, 1000)) do
    remove(name, cost)
  end
  local over = redis.call('ZSCORE', KEYS[2], id)
  if over and tonumber(over) > now then
    keep()
    return {'kept', redis.call('HGET', KEYS[1], id) or ''}
  end
  if over then remove(id, cost) end
  if held + #entry + cost > most then
    keep()
    local first = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')[2]
    return {'full', string.format('%.0f', math.max(tonumber(first or now) - now, 1))}
  end
  put(entry, life, cost)
  keep()
  return {'took', ''}
end

local with, short, life, most, cost = ARGV[4], ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local over = redis.call('ZSCORE', KEYS[2], id)
if not over or tonumber(over) <= now or redis.call('HGET', KEYS[1], id) ~= entry then return {'lost', ''} end
remove(id, cost)
local verdict = 'done'
if with ~= '' and held + #with + cost > most then with, verdict = short, 'short' end
if with ~= '' then put(with, life, cost) end
keep()
return {verdict, ''}
