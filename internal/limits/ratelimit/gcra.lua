-- Generic cell rate algorithm over Redis' own time.
-- KEYS[1] holds the theoretical arrival time of the next call, in microseconds,
--         and behind a colon the next time to reserve for a refused caller.
-- ARGV: interval between calls, burst, longest wait of an allowed call,
--       interval between reservations, longest time until a reservation, and
--       optionally a block: no call before now + block.
-- Answer: how long to wait, in microseconds. A wait beyond the longest allows no
--         call. Where the interval is 0, only blocks count.
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
  -- Each refused caller gets a time of its own. Otherwise all of them would come
  -- back at once, and be refused again.
  local reserved = math.max(back, now + wait)
  if reserved - now > furthest then return furthest end
  back = reserved + spacing
  keep()
  return reserved - now
end
if interval == 0 then return wait end
tat = math.max(tat, now) + interval
keep()
return wait
