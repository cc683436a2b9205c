-- The transitions of a record, each atomic. docs/design/states.md is their table.
--
-- KEYS: 1 the integration's records (hash: entity -> record as JSON). All other
--       keys carry the same hash tag and are made from it below, since a
--       transition may pass a slot on to another record of its tenant.
-- ARGV: 1 the transition, 2 tenant, 3 integration, 4 entity, 5 the transition's
--       arguments as JSON (may be empty).
-- Answer: verdict, record as JSON (empty: none), now in ms, with 'queued' how
--         many ms the run has to wait before it may begin; then a name
--         (integration:entity) and a run for each other run of the tenant that
--         got a slot.
--
-- Time is Redis' own: the clocks of our processes must not matter. All times are
-- in milliseconds since 1970.
--
-- A record with something left to do is in one of two places. It is in flight,
-- and then holds a slot: it is a member of its tenant's `slots`. Or it waits in
-- its tenant's `backlog`, whose score says when it may begin, or since when it
-- waits.
--
-- The fields of a record, as record.go names them. One letter each, since a
-- deployment keeps millions of records.
--   s   State        initial, progress, connected, error
--   g   Generation   count of clicks that changed something
--   e   Epoch        count of issues that were wanted
--   r   Run          number of the current run, the fencing token
--   p   Step         open, settle, verify, cleanup; none: nothing is left to do
--   o   Owner        name of the worker that has the lease
--   u   LeaseEnd     time
--   b   -            time of the latest begin or report; only for the history
--   d   Deadline     time; none while parked
--   z   Parked       ms that were left until the deadline, and 1 more
--   a   Attempts     count of tries that count
--   k   RescueChecks count, at most 8, of times the rescuer found the run still queued
--   f   Lost         count of workers that fell silent, one after the other
--   c   Click        at: At, time; n: Name; m: Email
--   lc  LastClick    time
--   v   ReadBack     time of the last reading back
--   i   Intent       at: At, time; n: Sent, count; ok: Resolved; b: BMPOnly
--   q   Recreated    count of times that duplicates are still to be looked for
--   t   Issue        i: ID; k: Key; u: URL; n: Title; s: Status; p: Progress; c: Color
--   n   Title        of the item, where the issue's is another one
--   m   Missing      at: At, time; v: Verdict; d: Shown, time
--   ob  Observed     time of a reading that the button may not show yet
--   x   Failure      m: Message; k: Kind; s: Side; f: Ref
--   w   LastFailure  as x
--   l   Orphans      list of: e: Epoch; i: Intent; t: Issue; q: Recreated
--
-- script.go parses the layout of this file and makes a script of its own for each
-- transition. That script has only the functions that the transition comes to:
-- Lua makes each function anew in each call, which costs as much as a small
-- command. So keep to this layout:
--   * A function begins with `local function NAME(` at the start of a line. It ends
--     with ` end` on that line, or with `end` alone at the start of a line.
--   * A transition begins with `ops['NAME'] =` and a function without arguments on
--     that line, and ends with `end` alone at the start of a line.
--   * What lies between a line that begins with `-- only NAME:` and the next line
--     `-- end` is in the script of that transition alone.
--   * A function is found by its calls, `NAME(`; pass none as a value.
--   * A name behind K and a dot is a constant, the timing or a limit in force.
--     script.go puts its value there, also in comments.

local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
local records, op, tenant, integration, entity = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4]
-- A record is made of such arguments, and one hash holds all of an integration.
if #ARGV[5] > K.arguments then return redis.error_reply('ERR the arguments of ' .. op .. ' have ' .. #ARGV[5] .. ' bytes, more than ' .. K.arguments) end
local a = ARGV[5] ~= '' and cjson.decode(ARGV[5]) or {}
local tag = string.match(records, '^[^}]*}:')
local id = integration .. ':' .. entity
local member = tenant .. '/' .. id
local rescue, wakelist, history = tag .. 'rescue', tag .. 'wake', tag .. 'h:' .. member
local slots, backlog, meta = tag .. 's:' .. tenant, tag .. 'b:' .. tenant, tag .. 't:' .. tenant

local raw = redis.call('HGET', records, entity)
local rec = { s = 'initial', g = 0, e = 1, r = 0 }
if raw then rec = cjson.decode(raw) end
local was = raw and rec.s
local parked = raw and rec.z
local shown = rec.t and rec.t.i

-- only push: the first click on an item, which is what most answers wait for.
-- It does what the push below does, and makes no function.
if not raw then
  local m = redis.call('HMGET', meta, 'maxinflight', 'maxqueued', 'maxconnections', 'pushespersecond', 'n', 'next')
  local n, at = tonumber(m[5] or 0), math.max(tonumber(m[6] or 0), now)
  if n < tonumber(m[3] or K.maxconnections) and at - now <= 1000 and redis.call('SCARD', slots) < tonumber(m[1] or K.maxinflight)
    and redis.call('EXISTS', tag .. 'o:' .. tenant .. '/' .. integration) == 0 then
    redis.call('HSET', meta, 'next', string.format('%.3f', at + 1000 / tonumber(m[4] or K.pushespersecond)), 'n', n + 1)
    local doc = cjson.encode({ s = 'progress', g = 1, e = 1, r = 1, p = 'open', lc = now, d = now + K.deadline, c = { at = now, n = a.name, m = a.email } })
    redis.call('HSET', records, entity, doc)
    redis.call('ZADD', tag .. 'x:' .. tenant .. '/' .. integration .. ':progress', now, entity)
    redis.call('SADD', slots, id)
    if redis.call('LLEN', wakelist) < K.wakelist then redis.call('RPUSH', wakelist, member .. '#1') end
    redis.call('ZADD', rescue, now + K.rescueafter, member)
    redis.call('RPUSH', history, now .. '\tpush\t1\t1\tp')
    return { 'queued', doc, now, 0 }
  end
end
-- end

-- include issueindex.lua

-- The time that a worker's report took counts from its lease, or its last report.
local report = a.owner and op ~= 'begin'
local step_was, took = rec.p, rec.b and now - rec.b
-- changed is the date for lists where it is not that of a new state.
local changed, counted = nil, false
local granted = {}

local function plain(text) return text and (string.gsub(text, '%c', ' ')) or '' end

local function log(what)
  local f = a.failure or {}
  local entry = table.concat({ now, what, rec.g, rec.r, string.sub(rec.s, 1, 1), step_was or '', report and took or '',
    report and (f.k or 'ok') or '', plain(f.s), plain(f.f), plain(a.note) }, '\t')
  local n = redis.call('RPUSH', history, (string.gsub(entry, '\t+$', '')))
  if n > K.keep then redis.call('LTRIM', history, -K.keep, -1) end
  -- It lives for a while after all is done; what failed stays until somebody
  -- has seen to it.
  if not rec.p and rec.s == 'error' then
    redis.call('PERSIST', history)
  elseif not rec.p then
    redis.call('PEXPIRE', history, K.keepfor)
  end
end

-- The tenant's slots --------------------------------------------------------

local function has_slot() return step_was and redis.call('SISMEMBER', slots, id) == 1 end

-- may_begin reports whether one more run may begin. Runs that only tell a person
-- (settle) have a few slots beyond, so that they do not wait behind slow
-- trackers.
local function may_begin(step)
  local n = redis.call('SCARD', slots)
  if n == 0 then return true end
  local most = tonumber(redis.call('HGET', meta, 'maxinflight') or K.maxinflight)
  if step == 'settle' then most = most + math.ceil(most / 4) end
  return n < most
end

-- announce names a run to a worker that listens. It is a hint: the queue holds
-- the run as well.
local function announce(name, run)
  if redis.call('LLEN', wakelist) < K.wakelist then redis.call('RPUSH', wakelist, name .. '#' .. run) end
end

-- closed reports whether the tracker of an integration takes no calls for a while.
-- Each run that began would only find that out.
local function closed(i) return redis.call('EXISTS', tag .. 'o:' .. tenant .. '/' .. i) == 1 end

-- calls reports whether a record's step calls the tracker.
local function calls(o) return o and (o.p == 'open' or o.p == 'cleanup') end

-- decoded returns a record of the tenant. It returns nil if there is none, and for
-- one that cannot be read, which must not stop the others. The rescuer puts
-- that one on the list of unreadable records.
local function decoded(text)
  local ok, o = pcall(cjson.decode, text or '')
  if ok and type(o) == 'table' and type(o.r) == 'number' then return o end
end

-- next_run returns what may begin next, with its record. Behind one whose tracker
-- takes no calls it scans some of the backlog. Of an integration that is closed
-- only the first few are asked whether they call the tracker at all.
local function next_run()
  local other = redis.call('ZRANGEBYSCORE', backlog, '-inf', now, 'LIMIT', 0, 1)[1]
  if not other then return end
  local i, e = string.match(other, '^([^:]*):(.*)$')
  local text = redis.call('HGET', tag .. 'c:' .. tenant .. '/' .. i, e)
  local o = decoded(text)
  if not calls(o) or not closed(i) then return other, i, e, o end
  local is_closed = { [i] = true }
  for n, other in ipairs(redis.call('ZRANGEBYSCORE', backlog, '-inf', now, 'LIMIT', 1, K.scan)) do
    local i, e = string.match(other, '^([^:]*):(.*)$')
    if is_closed[i] == nil then is_closed[i] = closed(i) end
    if not is_closed[i] or n <= K.scanclosed then
      local text = redis.call('HGET', tag .. 'c:' .. tenant .. '/' .. i, e)
      local o = decoded(text)
      if not (is_closed[i] and calls(o)) then return other, i, e, o end
    end
  end
end

-- pass_slots passes free slots on to runs of the tenant's backlog that may begin.
-- If the caller dies before it has queued them, the rescuer does.
local function pass_slots(most, after)
  for _ = 1, most do
    local other, i, e, o = next_run()
    if not other then return end
    if o and o.p then
      if not may_begin(o.p) then return end
      -- A new run: the task of the old one may be about to find no slot.
      o.r, o.k = o.r + 1, nil
      redis.call('HSET', tag .. 'c:' .. tenant .. '/' .. i, e, cjson.encode(o))
      redis.call('SADD', slots, other)
      redis.call('ZADD', rescue, now + after, tenant .. '/' .. other)
      announce(tenant .. '/' .. other, o.r)
      table.insert(granted, other)
      table.insert(granted, o.r)
    end
    redis.call('ZREM', backlog, other)
  end
end

local function release_slot()
  if redis.call('SREM', slots, id) == 1 then pass_slots(K.pass, K.rescueafter) end
end

-- since returns the record's score in the backlog: earlier clicks go first,
-- whatever became of them meanwhile.
local function since() return math.min(rec.lc or rec.c and rec.c.at or now, now) end

-- backlog_check returns when the rescuer is due for what waits for a slot.
local function backlog_check()
  local most = now + K.maxrescueafter
  if rec.p == 'open' and rec.d then return math.max(math.min(rec.d, most), now) end
  return most
end

-- Writing -------------------------------------------------------------------

local function reply(verdict, doc, delay)
  local r = { verdict, doc, now, delay or 0 }
  for _, v in ipairs(granted) do table.insert(r, v) end
  return r
end

local function answer(verdict, delay) return reply(verdict, cjson.encode(rec), delay) end

local function index(state) return tag .. 'x:' .. tenant .. '/' .. integration .. ':' .. state end

local function write()
  local doc = cjson.encode(rec)
  redis.call('HSET', records, entity, doc)
  if was ~= rec.s or changed then
    if was and was ~= rec.s then redis.call('ZREM', index(was), entity) end
    if not was and not counted then redis.call('HINCRBY', meta, 'n', 1) end
    redis.call('ZADD', index(rec.s), changed or now, entity)
    was = rec.s
  end
  if rec.z ~= parked then
    if rec.z then redis.call('ZADD', index('parked'), now, entity) else redis.call('ZREM', index('parked'), entity) end
    parked = rec.z
  end
  return doc
end

-- save writes the record; due says when the rescuer checks whether it moved on
-- (nil: nothing is left to do).
local function save(verdict, due, what, delay)
  local doc = write()
  if due then redis.call('ZADD', rescue, due, member) else redis.call('ZREM', rescue, member) end
  if what then log(what) end
  return reply(verdict, doc, delay)
end

-- track keeps the index from issues to entities: it is called after each change
-- of the issue that the button shows.
local function track()
  local shows = rec.t and rec.t.i
  if shows == shown then return end
  if shown then index_remove(shown, entity) end
  if shows then index_add(shows, entity) end
  shown = shows
end

-- erase takes away all that is kept of the record.
local function erase(after)
  rec.t = nil
  track()
  redis.call('HDEL', records, entity)
  redis.call('DEL', history)
  redis.call('ZREM', rescue, member)
  redis.call('ZREM', backlog, id)
  redis.call('ZREM', index(rec.s), entity)
  redis.call('ZREM', index('parked'), entity)
  redis.call('HINCRBY', meta, 'n', -1)
  if redis.call('SREM', slots, id) == 1 then pass_slots(K.pass, after) end
end

-- read_back has the button read back once more, not before t.
local function read_back(t) rec.v = math.max(rec.v or 0, t) end

-- fence_off has the button read back once more: what a worker sent to Productboard
-- last may still be under way when it loses the record.
local function fence_off()
  if rec.o and (rec.p == 'settle' or rec.p == 'verify') then read_back(now + K.sendwindow) end
end

-- park stops the push's time while its credential does not work: z is what was
-- left of it, and one more. unpark lets it run on, for a minute at least.
local function park()
  rec.z = (rec.d and math.max(rec.d - now, 0) or 0) + 1
  rec.d = nil
end

local function unpark()
  if rec.z and rec.z > 1 then rec.d = now + math.max(rec.z - 1, 60000) end
  rec.z = nil
end

-- queue makes a new run, which fences off whoever worked on the record. free says
-- that a slot is known to be free.
local function queue(step, delay, what, free)
  -- Here Productboard has answered.
  local answered = op == 'settled' or op == 'verified' or op == 'deduplicated'
  if not answered then fence_off() end
  if op ~= 'park' then unpark() end
  -- A worker that reports has not been lost.
  if op ~= 'rescue' and op ~= 'requeue' and not a.keep then rec.f = nil end
  rec.r = rec.r + 1
  rec.o, rec.u, rec.k, rec.b = nil, nil, nil, nil
  rec.p = step
  if delay > 0 then -- takes a slot when its time has come
    redis.call('ZADD', backlog, now + delay, id)
    release_slot()
    local due = now + delay + K.rescueafter
    if step == 'open' and rec.d then due = math.max(math.min(due, rec.d), now) end
    return save('queued', due, what, delay)
  end
  if not has_slot() then
    if not free and (not may_begin(step) or calls(rec) and closed(integration)) then
      redis.call('ZADD', backlog, since(), id)
      return save('backlog', backlog_check(), what)
    end
    redis.call('SADD', slots, id)
    if step_was then redis.call('ZREM', backlog, id) end
  end
  announce(member, rec.r)
  return save('queued', now + K.rescueafter, what)
end

local function mine() return raw and rec.p and (K.unfenced or rec.r == a.run and rec.o == a.owner) end

-- go_on renews the lease.
local function go_on(verdict, what)
  rec.u = now + K.lease
  if what then rec.b = now end
  return save(verdict, rec.u, what)
end

-- clear makes the button show nothing any more.
local function clear()
  rec.g = rec.g + 1
  rec.s, rec.a, rec.x, rec.w, rec.d, rec.z = 'initial', nil, nil, nil, nil, nil
  changed = now
  read_back(now + K.answer)
end

-- forsake forgets the issue, and what an intended create may still make.
local function forsake()
  if rec.t or rec.i then rec.e = rec.e + 1 end
  rec.t, rec.i, rec.q, rec.m = nil, nil, nil, nil
  track()
end

local function leave_orphan()
  if rec.t or (rec.i and not (rec.i.ok and rec.i.n == 1)) then
    local intent = rec.i
    -- Until when a second issue may appear counts from the latest create, and
    -- that was not after now.
    if rec.q and not intent then intent = { at = now, n = 2 } end
    rec.l = rec.l or {}
    table.insert(rec.l, { e = rec.e, i = intent, t = rec.t, q = rec.q })
    while #rec.l > K.orphans do table.remove(rec.l, 1) end
  end
  -- A worker may be creating one this very moment only if it holds an intent.
  forsake()
end

local ops = {}

-- Clicks ------------------------------------------------------------------

ops['push'] = function()
  if rec.s == 'progress' then
    rec.lc = now
    local doc = write()
    log('pushed again')
    return reply('same', doc)
  end
  local m = redis.call('HMGET', meta, 'maxinflight', 'maxqueued', 'maxconnections', 'pushespersecond', 'n', 'next')
  if not raw and tonumber(m[5] or 0) >= tonumber(m[3] or K.maxconnections) then return answer('many') end
  -- As many as may come in a second come at once, then one after the other.
  local rate = tonumber(m[4] or K.pushespersecond)
  local at = math.max(tonumber(m[6] or 0), now)
  local delay = math.max(math.ceil(at - now - 1000), 0)
  local free = redis.call('SCARD', slots) < tonumber(m[1] or K.maxinflight) and not closed(integration)
  if delay > 0 or not free then
    if redis.call('ZCARD', backlog) >= tonumber(m[2] or K.maxqueued) then return answer('full') end
  end
  local next = string.format('%.3f', at + 1000 / rate)
  if raw then
    redis.call('HSET', meta, 'next', next)
  else
    redis.call('HSET', meta, 'next', next, 'n', tonumber(m[5] or 0) + 1)
    counted = true
  end
  rec.lc = now
  rec.g = rec.g + 1
  rec.s, rec.a, rec.x, rec.w = 'progress', nil, nil, nil
  rec.d = now + K.deadline
  rec.c = { at = now, n = a.name, m = a.email }
  return queue('open', delay, 'push', free)
end

-- A push again of what failed, and of nothing else: what was unlinked or
-- pushed by somebody else meanwhile stays as it is.
ops['retry'] = function()
  if rec.s ~= 'error' then return answer('same') end
  return ops['push']()
end

-- overfull reports whether the record would be one more than the tenant may have.
local function overfull()
  if raw then return false end
  local m = redis.call('HMGET', meta, 'n', 'maxconnections')
  return tonumber(m[1] or 0) >= tonumber(m[2] or K.maxconnections)
end

-- Nothing can be done for the push now: it is answered with the reason. A push
-- that is under way goes on when that is over. The click is recorded, since its
-- answer must not be what stays on the button.
ops['reject_click'] = function()
  if overfull() then return answer('many') end
  rec.lc = now
  if rec.s == 'progress' then
    read_back(now + K.answer)
    local doc = write()
    log('pushed again')
    return reply('same', doc)
  end
  rec.g = rec.g + 1
  rec.s, rec.a, rec.x, rec.w, rec.d, rec.z = 'error', nil, a.failure, nil, nil, nil
  rec.c = { at = now, n = a.name, m = a.email }
  changed = now
  read_back(now + K.answer)
  return queue('verify', K.settle, 'click rejected')
end

ops['unlink'] = function()
  if not raw then return answer('same') end
  leave_orphan()
  rec.lc = now
  clear()
  return queue('verify', K.settle, 'unlink')
end

ops['dismiss'] = function()
  if not raw then return answer('same') end
  rec.lc = now
  if rec.s ~= 'error' then
    -- Productboard shows an error of its own, and again if our answer is lost.
    read_back(now + K.answer)
    if not rec.p then return queue('verify', K.settle, 'dismiss') end
    return reply('same', write())
  end
  clear()
  return queue('verify', K.settle, 'dismiss')
end

-- An admin's ------------------------------------------------------------------

-- The button goes back to initial whatever it shows; the issue is left alone.
ops['reset'] = function()
  if overfull() then return answer('many') end
  forsake()
  rec.lc = now
  clear()
  return queue('verify', K.settle, 'reset')
end

-- The button shows an issue that exists; one that it showed is left alone.
ops['link'] = function()
  if overfull() then return answer('many') end
  if not rec.t or rec.t.i ~= a.issue.i then forsake() end
  rec.g = rec.g + 1
  rec.s, rec.a, rec.x, rec.w, rec.z = 'progress', nil, nil, nil, nil
  rec.d = now + K.deadline
  rec.t, rec.i, rec.q, rec.m = a.issue, nil, nil, nil
  rec.n = nil
  track()
  changed = now
  return queue('settle', 0, 'link')
end

ops['drop'] = function()
  if raw then erase(0) end
  return reply('ok', '')
end

-- The tenant's limits: those that are not named are the deployment's.
ops['limits'] = function()
  for _, name in ipairs({ 'maxinflight', 'maxqueued', 'maxconnections', 'pushespersecond' }) do
    if a[name] then redis.call('HSET', meta, name, a[name]) else redis.call('HDEL', meta, name) end
  end
  pass_slots(K.wakelist, 0)
  return reply('ok', '')
end

-- A worker's transitions ----------------------------------------------------

ops['begin'] = function()
  if not raw or not rec.p or (rec.r ~= a.run and not K.unfenced) then return answer('stale') end
  if rec.o and rec.o ~= a.owner and rec.u > now and not K.unfenced then return answer('busy') end
  if not has_slot() then
    if not may_begin(rec.p) or calls(rec) and closed(integration) then
      redis.call('ZADD', backlog, since(), id)
      redis.call('ZADD', rescue, backlog_check(), member)
      return answer('backlog')
    end
    redis.call('SADD', slots, id)
    redis.call('ZREM', backlog, id)
  end
  if rec.o ~= a.owner then fence_off() end
  if rec.o and rec.o ~= a.owner then rec.f = (rec.f or 0) + 1 end
  unpark()
  -- Nothing that was sent before can arrive after the reading that now begins.
  if rec.p == 'verify' and rec.v and rec.v <= now then rec.v = nil end
  rec.o = a.owner
  return go_on('ok', 'begin ' .. rec.p)
end

ops['renew'] = function()
  if not mine() then return answer('stale') end
  return go_on('ok')
end

ops['intend'] = function()
  if not mine() or rec.p ~= 'open' then return answer('stale') end
  local sent = rec.i and rec.i.n or 0
  rec.i = { at = now, n = sent + 1, b = rec.i and rec.i.b }
  if sent > 0 then rec.q = 2 end
  return go_on('ok', 'create sent')
end

ops['not_created'] = function()
  if not mine() or not rec.i then return answer('stale') end
  rec.i.ok = true
  return go_on('ok')
end

ops['opened'] = function()
  if mine() and rec.p == 'open' and rec.e == a.epoch then
    rec.t, rec.i, rec.x, rec.w, rec.a, rec.m = a.issue, nil, nil, nil, nil, nil
    if a.title then rec.n = a.title ~= a.issue.n and a.title or nil end
    rec.p = 'settle'
    track()
    return go_on('ok', 'opened')
  end
  if raw and rec.e == a.epoch and (rec.t or rec.i) then
    -- The push stands. The client may have sent this again because the reply
    -- was lost. Or the run is over, and the next one finds the issue by its
    -- marker.
    if mine() and rec.p == 'settle' and rec.t and rec.t.i == a.issue.i then return answer('ok') end
    return answer('kept')
  end
  -- Too late: an unlink may wait for this very issue.
  for _, orphan in ipairs(rec.l or {}) do
    if orphan.e == a.epoch then
      orphan.t = a.issue
      local doc = write()
      log('opened too late')
      return reply('kept', doc)
    end
  end
  return answer('stale')
end

ops['gone'] = function()
  if not mine() or rec.p ~= 'open' then return answer('stale') end
  rec.t, rec.i, rec.q, rec.m = nil, nil, nil, nil
  rec.e = rec.e + 1
  track()
  return go_on('ok', 'issue gone')
end

ops['failed'] = function()
  if not mine() or (rec.p ~= 'open' and rec.p ~= 'settle') then return answer('stale') end
  rec.x, rec.w, rec.a = a.failure, nil, nil
  rec.n = a.title or rec.n
  rec.p = 'settle'
  return go_on('ok', 'failed')
end

ops['settled'] = function()
  if not mine() or rec.p ~= 'settle' then return answer('stale') end
  rec.s = rec.x and 'error' or 'connected'
  rec.a, rec.w, rec.d = nil, nil, nil
  -- Productboard may still be processing the answer to the latest click; its
  -- write would come after ours.
  local delay = math.max(K.settle, (rec.lc or 0) + K.answer - now)
  return queue('verify', delay, 'settled')
end

ops['verified'] = function()
  if not mine() or (rec.p ~= 'verify' and rec.p ~= 'cleanup') then return answer('stale') end
  rec.a, rec.w = nil, nil
  if rec.v then return queue('verify', math.max(rec.v - now, 0), 'read back') end
  if rec.l and #rec.l > 0 then return queue('cleanup', 0) end
  rec.p, rec.o, rec.u, rec.k, rec.b, rec.l, rec.lc, rec.f = nil, nil, nil, nil, nil, nil, nil, nil
  if not a.unsure then rec.ob = nil end
  release_slot()
  return save('ok', nil, 'verified')
end

-- Two creates were sent, so duplicates are possible. They were looked for, and
-- a.issue is the one to keep. They are looked for twice, the second time when the
-- last request can no longer be under way.
ops['deduplicated'] = function()
  if not mine() or rec.p ~= 'verify' or not rec.q then return answer('stale') end
  rec.q = rec.q - 1
  if rec.q <= 0 then rec.q = nil end
  if a.issue and rec.t and rec.t.i ~= a.issue.i then
    rec.t, rec.m = a.issue, nil
    changed = now
    track()
    return queue('settle', 0, 'another issue kept')
  end
  if rec.q then return queue('verify', a.delay or 0, 'looked for duplicates') end
  return go_on('ok', 'looked for duplicates')
end

ops['cleaned_up'] = function()
  if not mine() or rec.p ~= 'cleanup' then return answer('stale') end
  local keep = nil
  for _, orphan in ipairs(rec.l or {}) do
    if orphan.e ~= a.epoch then
      keep = keep or {}
      table.insert(keep, orphan)
    end
  end
  rec.l = keep
  return go_on('ok', 'cleaned up')
end

ops['hand_back'] = function()
  if not mine() then return answer('stale') end
  if a.counted then rec.a = (rec.a or 0) + 1 end
  if a.bmp and rec.i then rec.i.b = true end
  rec.w = a.failure
  -- The first run that finds out says for how long. Others may meanwhile have got
  -- a later time of their own.
  if a.closed then redis.call('SET', tag .. 'o:' .. tenant .. '/' .. integration, '', 'PX', a.closed, 'NX') end
  return queue(rec.p, a.delay or 0, 'handed back')
end

ops['park'] = function()
  if not mine() then return answer('stale') end
  rec.w = a.failure
  park()
  return queue(rec.p, a.delay or 0, 'waits for a credential')
end

-- The credential was repaired.
ops['wake'] = function()
  redis.call('ZREM', index('parked'), entity)
  if not raw or not rec.p or not rec.z or rec.o then return answer('same') end
  return queue(rec.p, 0, 'credential repaired')
end

ops['forget'] = function()
  if not mine() then return answer('stale') end
  erase(K.rescueafter)
  return answer('ok')
end

-- The rescuer's transitions ---------------------------------------------------

ops['rescue'] = function()
  local score = redis.call('ZSCORE', rescue, member)
  if not score or tonumber(score) > now then return answer('moved') end
  if not raw or not rec.p then
    redis.call('ZREM', rescue, member)
    return answer('moved')
  end
  if rec.o then
    rec.f = (rec.f or 0) + 1
    return queue(rec.p, 0, 'taken over')
  end
  if not has_slot() then
    if rec.p == 'open' and rec.d and rec.d <= now then
      local why = rec.w and rec.w.m and rec.w.m ~= '' and K.last .. rec.w.m or K.late
      rec.x, rec.w, rec.a = { m = why, k = 'timeout', s = 'this plugin' }, nil, nil
      local r = queue('settle', 0, 'waited too long')
      if r[1] == 'queued' then r[1] = 'overdue' end
      return r
    end
    local due = tonumber(redis.call('ZSCORE', backlog, id) or now)
    if due > now then return save('moved', due + K.rescueafter) end
    if not may_begin(rec.p) then return save('moved', backlog_check()) end
    if calls(rec) and closed(integration) then return save('moved', backlog_check()) end
    redis.call('SADD', slots, id)
    redis.call('ZREM', backlog, id)
  end
  rec.k = math.min((rec.k or 0) + 1, 8)
  return save('pending', now + math.min(K.rescueafter * 2 ^ rec.k, K.maxrescueafter))
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

-- What the sweep or a hook read. It changes a button that is connected and at
-- rest, and that has had no click since the record was read: everything else is
-- for the next reading.
ops['observed'] = function()
  if not K.unobserved and (not raw or rec.p or rec.s ~= 'connected' or not rec.t) then return answer('stale') end
  if not K.unobserved and (rec.g ~= (a.generation or 0) or rec.e ~= a.epoch or rec.t.i ~= a.known) then return answer('stale') end
  local m = rec.m
  if a.seen == 'present' then
    if not a.issue and not m then return answer('same') end
    rec.m, rec.t, rec.n = nil, a.issue or rec.t, a.title or rec.n
    track()
    if a.issue or m.d then
      changed, rec.ob = now, now
      return queue('settle', 0, 'changed in the tracker')
    end
    return reply('ok', write())
  end
  if a.seen == 'hidden' then
    if m then return answer('same') end
    rec.m = { at = now, v = 'hidden' }
    return reply('ok', write())
  end
  -- Gone or trashed: the button says so once two readings found it, some time
  -- apart.
  if m and m.d then
    if not rec.ob then return answer('same') end
    rec.ob = now
    return queue('settle', 0, 'deleted in the tracker')
  end
  if not m or m.v == 'hidden' then
    rec.m = { at = now, v = a.seen }
    return reply('ok', write())
  end
  if now - m.at < K.confirm then return answer('same') end
  if a.reset then
    forsake()
    clear()
    return queue('verify', 0, 'reset, deleted in the tracker')
  end
  m.v, m.d = a.seen, now
  changed, rec.ob = now, now
  return queue('settle', 0, 'deleted in the tracker')
end

return ops[op]()
