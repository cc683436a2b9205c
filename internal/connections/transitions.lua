-- The transitions of a record, each atomic. docs/states.md is their table.
--
-- KEYS: 1 the record, 2 the look-out (sorted set: when somebody must look),
--       3 the record's history (list), 4 the failed pushes (sorted set),
--       5 the bell (list: runs that may begin at once, for a worker that waits).
-- ARGV: 1 the transition, 2 its arguments as JSON, 3 the record's member in
--       the sorted sets.
-- Answer: verdict, record as JSON (empty: none), now in ms, and with 'queued'
--         how many ms the work has to wait before it may begin.
--
-- Time is Redis' own: the clocks of our processes must not matter.

local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
local op = ARGV[1]
local a = cjson.decode(ARGV[2])
local member = ARGV[3]
local raw = redis.call('GET', KEYS[1])
local rec = { s = 'initial', g = 0, e = 1, r = 0 }
if raw then rec = cjson.decode(raw) end

local function log(what)
  local entry = { at = now, op = what, g = rec.g, r = rec.r, s = rec.s, n = a.note }
  redis.call('RPUSH', KEYS[3], cjson.encode(entry))
  redis.call('LTRIM', KEYS[3], -a.keep, -1)
  -- What failed stays until somebody has seen to it.
  if rec.s == 'error' then redis.call('PERSIST', KEYS[3]) else redis.call('PEXPIRE', KEYS[3], a.keepfor) end
end

local function answer(verdict, delay) return { verdict, cjson.encode(rec), now, delay or 0 } end

-- save writes the record; due says when somebody must look whether it moved
-- on (nil: nothing is left to do).
local function save(verdict, due, what, delay)
  redis.call('SET', KEYS[1], cjson.encode(rec))
  if due then redis.call('ZADD', KEYS[2], due, member) else redis.call('ZREM', KEYS[2], member) end
  if rec.s == 'error' and rec.x then
    redis.call('ZADD', KEYS[4], 'NX', now, member)
  else
    redis.call('ZREM', KEYS[4], member)
  end
  if what then log(what) end
  return answer(verdict, delay)
end

-- The button has to be read back once more, not before t.
local function read_back(t) rec.v = math.max(rec.v or 0, t) end

-- What a worker told Productboard last may still be under way when it loses
-- the record.
local function fence_off()
  if rec.o and (rec.p == 'settle' or rec.p == 'verify') then read_back(now + a.inflight) end
end

-- hand over: whoever worked on it is fenced off, the work waits for a taker.
local function queue(step, delay, what)
  -- Here Productboard has answered.
  local told = op == 'settled' or op == 'verified' or op == 'unified'
  if not told then fence_off() end
  rec.r = rec.r + 1
  rec.o, rec.u, rec.k = nil, nil, nil
  rec.p = step
  -- Only a hint, so that an idle worker need not ask; nobody misses one.
  if delay <= 0 and redis.call('LLEN', KEYS[5]) < a.bell then redis.call('RPUSH', KEYS[5], member .. '#' .. rec.r) end
  return save('queued', now + delay + a.look, what, delay)
end

local function mine() return raw and rec.p and (a.unfenced or rec.r == a.run and rec.o == a.owner) end

local function leave_behind()
  if rec.t or (rec.i and not (rec.i.ok and rec.i.n == 1)) then
    local intent = rec.i
    -- Until when a second issue may appear counts from the latest create, and
    -- that was not after now.
    if rec.q and not intent then intent = { at = now, n = 2 } end
    rec.l = rec.l or {}
    table.insert(rec.l, { e = rec.e, i = intent, t = rec.t, q = rec.q })
    while #rec.l > a.left do table.remove(rec.l, 1) end
  end
  -- A worker may be creating one this very moment only if it holds an intent.
  if rec.t or rec.i then rec.e = rec.e + 1 end
  rec.t, rec.i, rec.q = nil, nil, nil
end

local ops = {}

-- Clicks ------------------------------------------------------------------

ops['push'] = function()
  rec.lc = now
  if rec.s == 'progress' then
    redis.call('SET', KEYS[1], cjson.encode(rec))
    log('push again')
    return answer('same')
  end
  rec.g = rec.g + 1
  rec.s, rec.a, rec.x, rec.w = 'progress', nil, nil, nil
  rec.d = now + a.deadline
  rec.c = { at = now, n = a.name, m = a.email }
  return queue('open', 0, 'push')
end

ops['unlink'] = function()
  if not raw then return answer('same') end
  leave_behind()
  rec.g = rec.g + 1
  rec.lc = now
  rec.s, rec.a, rec.x, rec.w, rec.d = 'initial', nil, nil, nil, nil
  read_back(now + a.answer)
  return queue('verify', a.settle, 'unlink')
end

ops['dismiss'] = function()
  if not raw then return answer('same') end
  rec.lc = now
  if rec.s ~= 'error' then
    -- Productboard shows an error of its own, and again if our answer is lost.
    read_back(now + a.answer)
    if not rec.p then return queue('verify', a.settle, 'dismiss') end
    redis.call('SET', KEYS[1], cjson.encode(rec))
    return answer('same')
  end
  rec.g = rec.g + 1
  rec.s, rec.a, rec.x, rec.w, rec.d = 'initial', nil, nil, nil, nil
  read_back(now + a.answer)
  return queue('verify', a.settle, 'dismiss')
end

-- A worker's transitions ----------------------------------------------------

ops['begin'] = function()
  if not raw or not rec.p or (rec.r ~= a.run and not a.unfenced) then return answer('stale') end
  if rec.o and rec.o ~= a.owner and rec.u > now and not a.unfenced then return answer('busy') end
  if rec.o ~= a.owner then fence_off() end
  -- Nothing that was sent before can arrive after the reading that now begins.
  if rec.p == 'verify' and rec.v and rec.v <= now then rec.v = nil end
  rec.o, rec.u = a.owner, now + a.lease
  return save('ok', rec.u, 'begin ' .. rec.p)
end

ops['renew'] = function()
  if not mine() then return answer('stale') end
  rec.u = now + a.lease
  return save('ok', rec.u)
end

ops['intend'] = function()
  if not mine() or rec.p ~= 'open' then return answer('stale') end
  local sent = rec.i and rec.i.n or 0
  rec.i = { at = now, n = sent + 1 }
  if sent > 0 then rec.q = 2 end
  rec.u = now + a.lease
  return save('ok', rec.u, 'create sent')
end

ops['refused'] = function()
  if not mine() or not rec.i then return answer('stale') end
  rec.i.ok = true
  rec.u = now + a.lease
  return save('ok', rec.u)
end

ops['opened'] = function()
  if mine() and rec.p == 'open' and rec.e == a.epoch then
    rec.t, rec.i, rec.x, rec.w, rec.a = a.issue, nil, nil, nil, nil
    rec.p = 'settle'
    rec.u = now + a.lease
    return save('ok', rec.u, 'opened')
  end
  if raw and rec.e == a.epoch and (rec.t or rec.i) then
    -- The push stands. The client may have sent this again because the reply
    -- was lost; or the run has changed hands, and whoever has it finds the
    -- issue by its marker.
    if mine() and rec.p == 'settle' and rec.t and rec.t.id == a.issue.id then return answer('ok') end
    return answer('left')
  end
  -- Too late: an unlink may wait for this very issue.
  for _, left in ipairs(rec.l or {}) do
    if left.e == a.epoch then
      left.t = a.issue
      redis.call('SET', KEYS[1], cjson.encode(rec))
      log('opened too late')
      return answer('left')
    end
  end
  return answer('stale')
end

ops['gone'] = function()
  if not mine() or rec.p ~= 'open' then return answer('stale') end
  rec.t, rec.i, rec.q = nil, nil, nil
  rec.e = rec.e + 1
  rec.u = now + a.lease
  return save('ok', rec.u, 'issue gone')
end

ops['failed'] = function()
  if not mine() or (rec.p ~= 'open' and rec.p ~= 'settle') then return answer('stale') end
  rec.x, rec.w, rec.a = a.failure, nil, nil
  rec.p = 'settle'
  rec.u = now + a.lease
  return save('ok', rec.u, 'failed')
end

ops['settled'] = function()
  if not mine() or rec.p ~= 'settle' then return answer('stale') end
  rec.s = rec.x and 'error' or 'connected'
  rec.a, rec.w, rec.d = nil, nil, nil
  -- Productboard may still be processing the answer to the latest click; its
  -- write would come after ours.
  local delay = math.max(a.settle, (rec.lc or 0) + a.answer - now)
  return queue('verify', delay, 'settled')
end

ops['verified'] = function()
  if not mine() or (rec.p ~= 'verify' and rec.p ~= 'tidy') then return answer('stale') end
  rec.a, rec.w = nil, nil
  if rec.v then return queue('verify', math.max(rec.v - now, 0), 'read back') end
  if rec.l and #rec.l > 0 then return queue('tidy', 0) end
  rec.p, rec.o, rec.u, rec.k, rec.l, rec.lc = nil, nil, nil, nil, nil, nil
  return save('ok', nil, 'verified')
end

-- Two creates were sent, so two issues are possible: the others were looked
-- for, and a.issue is the one to keep. It is looked for twice, the second time
-- when the last request can no longer be under way.
ops['unified'] = function()
  if not mine() or rec.p ~= 'verify' or not rec.q then return answer('stale') end
  rec.q = rec.q - 1
  if rec.q <= 0 then rec.q = nil end
  if a.issue and rec.t and rec.t.id ~= a.issue.id then
    rec.t = a.issue
    return queue('settle', 0, 'another issue kept')
  end
  if rec.q then return queue('verify', a.delay, 'looked for a second issue') end
  rec.u = now + a.lease
  return save('ok', rec.u, 'looked for a second issue')
end

ops['tidied'] = function()
  if not mine() or rec.p ~= 'tidy' then return answer('stale') end
  local keep = nil
  for _, left in ipairs(rec.l or {}) do
    if left.e ~= a.epoch then
      keep = keep or {}
      table.insert(keep, left)
    end
  end
  rec.l = keep
  rec.u = now + a.lease
  return save('ok', rec.u, 'tidied')
end

ops['again'] = function()
  if not mine() then return answer('stale') end
  if a.counted then rec.a = (rec.a or 0) + 1 end
  rec.w = a.failure
  return queue(rec.p, a.delay, 'again')
end

ops['forget'] = function()
  if not mine() then return answer('stale') end
  redis.call('DEL', KEYS[1], KEYS[3])
  redis.call('ZREM', KEYS[2], member)
  redis.call('ZREM', KEYS[4], member)
  return answer('ok')
end

-- The look-out's transitions --------------------------------------------------

ops['look'] = function()
  local score = redis.call('ZSCORE', KEYS[2], member)
  if not score or tonumber(score) > now then return answer('moved') end
  if not raw or not rec.p then
    redis.call('ZREM', KEYS[2], member)
    return answer('moved')
  end
  if rec.o then return queue(rec.p, 0, 'taken over') end
  rec.k = math.min((rec.k or 0) + 1, 8)
  return save('waiting', now + math.min(a.look * 2 ^ rec.k, a.maxlook))
end

ops['requeue'] = function()
  if not raw or not rec.p or rec.r ~= a.run or rec.o then return answer('stale') end
  return queue(rec.p, 0, 'queued again')
end

-- Productboard shows something else than this idle record says.
ops['recheck'] = function()
  if not raw or rec.p then return answer('same') end
  return queue('verify', 0, 'button differs')
end

ops['read'] = function()
  if not raw then return { 'none', '', now, 0 } end
  return answer('ok')
end

return ops[op]()
