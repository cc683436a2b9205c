-- One integration's tokens: a hash with
--   doc    the tokens, sealed
--   owner  who is asking for others, untl until when (ms, Redis' clock)
-- KEYS: 1 the hash
-- ARGV: verb, owner, ms (of the lock; of the hash's life), doc; with reseal
--       also the doc that is expected
-- Answer: verdict, doc
local key, verb, owner, ms = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
local doc = redis.call('HGET', key, 'doc') or ''

if verb == 'take' then
  local holder = redis.call('HGET', key, 'owner')
  if holder and holder ~= owner and tonumber(redis.call('HGET', key, 'untl')) > now then return { 'busy', doc } end
  redis.call('HSET', key, 'owner', owner, 'untl', string.format('%d', now + ms))
  if doc == '' then redis.call('PEXPIRE', key, ms * 2) end
  return { 'taken', doc }
end

if verb == 'drop' then
  if redis.call('HGET', key, 'owner') == owner then redis.call('HDEL', key, 'owner', 'untl') end
  return { 'done', '' }
end

-- The same tokens under another key: only over the very text they were read from.
if verb == 'reseal' then
  if doc == '' or doc ~= ARGV[5] then return { 'lost', doc } end
  redis.call('HSET', key, 'doc', ARGV[4])
  return { 'done', doc }
end

-- What somebody got whose lock has passed to another is not stored: it would
-- hide what that one got.
if verb == 'put' and redis.call('HGET', key, 'owner') ~= owner then return { 'lost', doc } end

-- put, replace: the latter takes the place of whatever is under way.
redis.call('HSET', key, 'doc', ARGV[4])
redis.call('HDEL', key, 'owner', 'untl')
redis.call('PEXPIRE', key, ms)
return { 'done', doc }
