-- When each integration's next sweep begins, and how far the present one is.
--
-- KEYS: 1 sorted set: integrations by when they are due; 2 hash: integration ->
--       progress as JSON: o: name of the claim; c: cursor; s: when the sweep
--       began; l: when the one before began; f: when one last ended or stopped;
--       e: what it stopped at; r: another one was asked for meanwhile; 3 sorted set:
--       integrations that are swept, by when the claim ends.
-- ARGV: 1 what to do, 2 JSON of its arguments.
-- Times are Redis' own, in ms.

local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
local op, a = ARGV[1], cjson.decode(ARGV[2])

local kinds = { o = 'string', c = 'string', s = 'number', l = 'number', f = 'number', e = 'string', r = 'boolean' }

-- A progress that cannot be read must not stop the sweeps of others. It begins
-- anew.
local function progress(name)
  local ok, p = pcall(cjson.decode, redis.call('HGET', KEYS[2], name) or '{}')
  if not ok or type(p) ~= 'table' then return {} end
  for field, value in pairs(p) do
    if type(value) ~= kinds[field] then return {} end
  end
  return p
end
local function claimed(name, hold) redis.call('ZADD', KEYS[3], now + hold, name) end
local function mine() return redis.call('ZSCORE', KEYS[1], a.name) and progress(a.name).o == a.owner end

if op == 'claim' then
  local name = pick(KEYS[1], KEYS[3], now)
  if not name then return { '', '' } end
  local p = progress(name)
  p.o = a.owner
  if not p.s then p.s, p.c = now, '0' end
  local doc = cjson.encode(p)
  redis.call('ZADD', KEYS[1], now + a.hold, name)
  redis.call('HSET', KEYS[2], name, doc)
  claimed(name, a.hold)
  return { name, doc }
end

if op == 'save' or op == 'done' then
  if not mine() then return { 'lost', '' } end
  local p = progress(a.name)
  if op == 'save' and not a.release then
    claimed(a.name, a.hold)
  else
    redis.call('ZREM', KEYS[3], a.name)
  end
  if op == 'save' then
    p.c = a.cursor or p.c
    if a.release then p.o = nil end
    redis.call('ZADD', KEYS[1], now + a.hold, a.name)
  elseif a.cursor and not p.r then
    redis.call('ZADD', KEYS[1], now + a.period, a.name)
    p.o, p.c, p.f, p.e = nil, a.cursor, now, a.stopped
  else
    -- A sweep that was asked for meanwhile has a date that is over.
    redis.call('ZADD', KEYS[1], p.r and now or math.max((p.s or now) + a.period, now), a.name)
    p.l, p.f, p.e = not p.r and p.s or nil, now, a.stopped
    p.o, p.s, p.c, p.r = nil, nil, nil, nil
  end
  redis.call('HSET', KEYS[2], a.name, cjson.encode(p))
  return { 'ok', '' }
end

if op == 'remove' then
  if mine() then
    redis.call('ZREM', KEYS[1], a.name)
    redis.call('HDEL', KEYS[2], a.name)
    redis.call('ZREM', KEYS[3], a.name)
  end
  return { 'ok', '' }
end

-- now: everything of the integration is read as soon as somebody can.
local p = progress(a.name)
p.l = nil
if p.o then
  p.r = true
else
  p.s, p.c = nil, nil
  redis.call('ZADD', KEYS[1], now, a.name)
end
redis.call('HSET', KEYS[2], a.name, cjson.encode(p))
return { 'ok', '' }
