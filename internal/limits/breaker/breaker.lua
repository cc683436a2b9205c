-- The breaker of one integration, each operation atomic, in Redis' own time.
-- KEYS[1] is a hash, which does not exist while the tracker works:
--   n: failures in a row; f: time of the first, i: its item; d: set once another
--   item failed; open: since when it is open; next: when somebody may try; w: the
--   cool-down before that; p: the trial under way, u: when it ends; k: the kind
--   of the latest failure.
-- ARGV: 1 the operation, 2 the caller's name for its trial, then see below.
-- Answer: the state (clean, failing, open, trial) or what just happened (opened,
--   closed), since when, until when, kind, now (times in ms).
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
local h = {}
local flat = redis.call('HGETALL', KEYS[1])
for i = 1, #flat, 2 do h[flat[i]] = flat[i + 1] end
local function number(field) return tonumber(h[field] or '0') end
local function answer(what, till) return { what, number(h.open and 'open' or 'f'), till or 0, h.k or '', now } end

local ops = {}

-- 3: for how long a trial keeps the others out.
ops['ask'] = function()
  if not h.open then return answer(h.n and 'failing' or 'clean') end
  local trial = number('u')
  if now < number('next') or now < trial then return answer('open', math.max(number('next'), now)) end
  redis.call('HSET', KEYS[1], 'p', ARGV[2], 'u', now + tonumber(ARGV[3]))
  return answer('trial')
end

-- 3: the item, 4: the kind, 5: failures and 6: ms over which they open it,
-- 7: the first and 8: the longest cool-down, 9: by how much it is stretched,
-- 10: how long the hash is kept.
ops['failed'] = function()
  local first, longest, stretch = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
  local function cool(w) redis.call('HSET', KEYS[1], 'w', w, 'next', now + math.floor(w * stretch)) end
  if h.open then
    if h.p ~= ARGV[2] then return answer('open', number('next')) end
    redis.call('HDEL', KEYS[1], 'p', 'u')
    redis.call('HSET', KEYS[1], 'k', ARGV[4])
    cool(math.min(number('w') * 2, longest))
    redis.call('PEXPIRE', KEYS[1], ARGV[10])
    h.k = ARGV[4]
    return answer('open', tonumber(redis.call('HGET', KEYS[1], 'next')))
  end
  local n = number('n') + 1
  if n == 1 then
    h.f, h.i = tostring(now), ARGV[3]
    redis.call('HSET', KEYS[1], 'f', now, 'i', ARGV[3])
  end
  if h.i ~= ARGV[3] then
    h.d = '1'
    redis.call('HSET', KEYS[1], 'd', '1')
  end
  h.k = ARGV[4]
  redis.call('HSET', KEYS[1], 'n', n, 'k', ARGV[4])
  redis.call('PEXPIRE', KEYS[1], ARGV[10])
  if n < tonumber(ARGV[5]) or now - number('f') < tonumber(ARGV[6]) or not h.d then return answer('failing') end
  h.open = h.f
  redis.call('HSET', KEYS[1], 'open', h.f)
  cool(first)
  return answer('opened', now + math.floor(first * stretch))
end

ops['worked'] = function()
  redis.call('DEL', KEYS[1])
  return answer(h.open and 'closed' or 'clean')
end

-- A trial that said nothing about the tracker: the next one may try.
ops['undecided'] = function()
  if h.p == ARGV[2] then redis.call('HDEL', KEYS[1], 'p', 'u') end
  return answer(h.open and 'open' or 'clean', number('next'))
end

return ops[ARGV[1]]()
