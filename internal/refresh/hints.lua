-- The issues that webhooks say have changed, integration by integration, and what
-- is known of the webhooks themselves.
--
-- KEYS: 1 sorted set: integrations with something to read, by when they are due;
--       2 sorted set: those that are claimed, by when the claim ends.
-- For each integration there are six more keys, which carry the same hash tag and
-- have a time to live:
--   q  sorted set: issues that wait to be read, by when they came
--   r  set: those of q that had another event since the present claim
--   s  hash: o: name of the claim; all: everything is to be read (1), and a claim
--      does so (c); at: when that was last handed out; last: the latest event;
--      swept: the latest sweep; runs: sweeps in a row that found what no event had
--      told; missed: how many issues those were; sure: those of the present sweep
--   d  sorted set: digests of deliveries, by when they came
--   e  sorted set: issues that had an event, by the latest one
--   m  sorted set: issues that a sweep found changed without an event, by when
-- No key holds a document that could be unreadable, and a key of another type is
-- removed.
--
-- ARGV: 1 what to do, 2 JSON of its arguments.
-- Times are Redis' own, in ms.

local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
local op, a = ARGV[1], cjson.decode(ARGV[2])
local due, claims = KEYS[1], KEYS[2]
local tag = string.match(due, '^[^}]*}:')

local day, keep = 24 * 3600 * 1000, 7 * 24 * 3600 * 1000
-- For how long an event explains a change that a sweep finds.
local explains = 3600 * 1000
local max_waiting, max_deliveries, max_events, max_missed = 2000, 2000, 2000, 100
-- When hints are read that came to an integration at rest, and when those that are
-- left over. Everything is read once in five minutes at most.
local soon, left_over, whole = 1000, 2000, 5 * 60 * 1000

local q, r, s, d, e, m
local function all_keys(name)
  q, r, s = tag .. 'q:' .. name, tag .. 'r:' .. name, tag .. 's:' .. name
  d, e, m = tag .. 'd:' .. name, tag .. 'e:' .. name, tag .. 'm:' .. name
end
local function forget(name)
  redis.call('DEL', q, r, s, d, e, m)
  redis.call('ZREM', due, name)
  redis.call('ZREM', claims, name)
end
local function number(field) return tonumber(redis.call('HGET', s, field) or 0) or 0 end

-- open prepares the work on an integration. What cannot be read is forgotten, and
-- everything is to be read then.
local function open(name)
  all_keys(name)
  local kinds = { { 'HLEN', s }, { 'ZCARD', q }, { 'SCARD', r }, { 'ZCARD', d }, { 'ZCARD', e }, { 'ZCARD', m } }
  for _, kind in ipairs(kinds) do
    local reply = redis.pcall(kind[1], kind[2])
    if type(reply) == 'table' and reply.err then
      forget(name)
      redis.call('HSET', s, 'all', '1')
      redis.call('PEXPIRE', s, keep)
      redis.call('ZADD', due, now + soon, name)
      return
    end
  end
end

local function mine() return redis.call('HGET', s, 'o') == a.owner and redis.call('ZSCORE', claims, a.name) end

-- schedule says when an integration without a claim is due next.
local function schedule(name, pause)
  if redis.call('ZCARD', q) > 0 then
    redis.call('ZADD', due, now + pause, name)
  elseif redis.call('HGET', s, 'all') then
    redis.call('ZADD', due, math.max(now + pause, number('at') + whole), name)
  else
    redis.call('ZREM', due, name)
  end
end

local ops = {}

ops['add'] = function()
  open(a.name)
  if a.delivery ~= '' then
    local known = redis.call('ZSCORE', d, a.delivery)
    if known and tonumber(known) > now - day then return { '1', '0', '0' } end
    redis.call('ZADD', d, now, a.delivery)
    redis.call('ZREMRANGEBYSCORE', d, '-inf', now - day)
    redis.call('ZREMRANGEBYRANK', d, 0, -max_deliveries - 1)
    redis.call('PEXPIRE', d, day)
  end
  local waiting, claimed, new, dropped = redis.call('ZCARD', q), redis.call('HGET', s, 'o'), 0, a.dropped
  for _, issue in ipairs(a.issues) do
    if redis.call('ZSCORE', q, issue) then
      if claimed then redis.call('SADD', r, issue) end
    elseif waiting + new < max_waiting then
      new = new + 1
      redis.call('ZADD', q, now, issue)
    else
      dropped = dropped + 1
    end
    redis.call('ZREM', m, issue)
    redis.call('ZADD', e, now, issue)
  end
  redis.call('ZREMRANGEBYSCORE', e, '-inf', now - explains)
  redis.call('ZREMRANGEBYRANK', e, 0, -max_events - 1)
  redis.call('HSET', s, 'last', now)
  if dropped > 0 then redis.call('HSET', s, 'all', '1') end
  for _, key in ipairs({ q, r, s, m }) do redis.call('PEXPIRE', key, keep) end
  redis.call('PEXPIRE', e, explains)
  if not redis.call('ZSCORE', due, a.name) then schedule(a.name, soon) end
  return { '0', tostring(new), tostring(dropped) }
end

ops['claim'] = function()
  for _ = 1, 50 do
    local name = pick(due, claims, now)
    if not name then return { '' } end
    open(name)
    local all = redis.call('HGET', s, 'all')
    if all ~= 'c' and all and number('at') + whole > now then all = false end
    local issues = redis.call('ZRANGE', q, 0, a.most - 1, 'WITHSCORES')
    if all or #issues > 0 then
      redis.call('DEL', r)
      redis.call('HSET', s, 'o', a.owner)
      if all then redis.call('HSET', s, 'all', 'c', 'at', now) end
      redis.call('ZADD', due, now + a.hold, name)
      redis.call('ZADD', claims, now + a.hold, name)
      local reply = { name, all and '1' or '' }
      for i = 1, #issues, 2 do
        reply[#reply + 1] = issues[i]
        reply[#reply + 1] = tostring(math.max(now - tonumber(issues[i + 1]), 0))
      end
      return reply
    end
    schedule(name, left_over)
  end
  return { '' }
end

ops['renew'] = function()
  open(a.name)
  if not mine() then return { 'lost' } end
  redis.call('ZADD', due, now + a.hold, a.name)
  redis.call('ZADD', claims, now + a.hold, a.name)
  return { 'ok' }
end

ops['done'] = function()
  open(a.name)
  if not mine() then return { 'lost' } end
  for _, issue in ipairs(a.issues) do
    if redis.call('SISMEMBER', r, issue) == 1 then
      redis.call('ZADD', q, 'XX', now, issue)
    else
      redis.call('ZREM', q, issue)
    end
  end
  redis.call('DEL', r)
  redis.call('HDEL', s, 'o')
  if redis.call('HGET', s, 'all') == 'c' then redis.call('HDEL', s, 'all') end
  redis.call('ZREM', claims, a.name)
  schedule(a.name, left_over)
  return { 'ok' }
end

-- Everything that a claim was to read waits as before.
ops['later'] = function()
  open(a.name)
  if not mine() then return { 'lost' } end
  redis.call('DEL', r)
  redis.call('HDEL', s, 'o')
  if redis.call('HGET', s, 'all') == 'c' then
    redis.call('HSET', s, 'all', '1')
    redis.call('HDEL', s, 'at')
  end
  redis.call('ZREM', claims, a.name)
  redis.call('ZADD', due, now + a.pause, a.name)
  return { 'ok' }
end

ops['forget'] = function()
  all_keys(a.name)
  forget(a.name)
  return { 'ok' }
end

-- found: changes that a sweep came upon. An event that came lately has told of
-- them, and so may one that comes within the grace.
ops['found'] = function()
  open(a.name)
  for _, issue in ipairs(a.issues) do
    local event, before = redis.call('ZSCORE', e, issue), redis.call('ZSCORE', m, issue)
    if before and tonumber(before) <= now - a.grace then
      -- It has changed once more: the earlier change is missed for certain.
      redis.call('HINCRBY', s, 'sure', 1)
      redis.call('ZADD', m, now, issue)
    elseif not (event and tonumber(event) > now - explains) and redis.call('ZCARD', m) < max_missed then
      redis.call('ZADD', m, 'NX', now, issue)
    end
  end
  redis.call('PEXPIRE', m, keep)
  redis.call('PEXPIRE', s, keep)
  return { 'ok' }
end

-- swept: a sweep is over.
ops['swept'] = function()
  open(a.name)
  local missed = redis.call('ZREMRANGEBYSCORE', m, '-inf', now - a.grace) + number('sure')
  redis.call('HDEL', s, 'sure')
  if missed > 0 then
    redis.call('HINCRBY', s, 'runs', 1)
    redis.call('HINCRBY', s, 'missed', missed)
  elseif number('last') >= number('swept') and number('last') > 0 then
    redis.call('HDEL', s, 'runs')
  end
  redis.call('HSET', s, 'swept', now)
  redis.call('PEXPIRE', s, keep)
  return { 'ok' }
end

return ops[op]()
