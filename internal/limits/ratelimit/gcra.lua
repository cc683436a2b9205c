-- Generic cell rate algorithm over Redis' own time.
-- KEYS[1] holds the theoretical arrival time of the next call, in microseconds,
--         and behind a colon when the next of those who are sent away may come
--         back.
-- ARGV: interval between calls, burst, longest wait a caller may be booked
--       for, interval between those who come back, longest time for which
--       one is sent away, and optionally a block: nothing before now + block.
-- Answer: how long to wait, in microseconds. A wait beyond the longest books
--         no call, and neither does anything where the interval is 0: there
--         only blocks count.
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000000 + tonumber(t[2])
local interval, burst, longest = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local spacing, furthest = tonumber(ARGV[4]), tonumber(ARGV[5])
local kept = redis.call('GET', KEYS[1]) or '0'
local tat, back = string.match(kept, '^([^:]*):?(.*)$')
tat, back = tonumber(tat) or 0, tonumber(back) or 0
local room = interval * (burst - 1)

local function keep()
  local last = math.max(tat, back)
  redis.call('SET', KEYS[1], string.format('%.0f:%.0f', tat, back), 'PX', math.max(math.ceil((last - now) / 1000), 0) + 1)
end

if ARGV[6] then
  tat = math.max(tat, now + tonumber(ARGV[6]) + room)
  keep()
  return 0
end
local wait = tat - room - now
if wait < 0 then wait = 0 end
if wait > longest then
  -- Each gets a time of its own, so that not all of them ask again at once, in
  -- vain and again and again.
  local turn = math.max(back, now + wait)
  if turn - now > furthest then return furthest end
  back = turn + spacing
  keep()
  return turn - now
end
if interval == 0 then return wait end
tat = math.max(tat, now) + interval
keep()
return wait
