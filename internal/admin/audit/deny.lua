-- Folds a denied call into those of the same caller and operation.
-- KEYS: hash of "count first entry" by caller and operation; sorted set of the
--       same names by the time of the latest.
-- ARGV: name, entry, now (ms), most names, how long each is kept (ms).
local now, most, age = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local count, first = string.match(redis.call('HGET', KEYS[1], ARGV[1]) or '', '^(%d+) (%d+) ')
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f %s %s', (tonumber(count) or 0) + 1, first or ARGV[3], ARGV[2]))
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])

local function drop(names)
  for _, name in ipairs(names) do
    redis.call('HDEL', KEYS[1], name)
    redis.call('ZREM', KEYS[2], name)
  end
end
drop(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', string.format('(%.0f', now - age), 'LIMIT', 0, 100))
local over = redis.call('ZCARD', KEYS[2]) - most
if over > 0 then drop(redis.call('ZRANGE', KEYS[2], 0, over - 1)) end
redis.call('PEXPIRE', KEYS[1], ARGV[5])
redis.call('PEXPIRE', KEYS[2], ARGV[5])
return 1
