-- Generic cell rate algorithm over Redis' own time.
-- KEYS[1] holds the theoretical arrival time of the next call, in microseconds.
-- ARGV: interval between calls, burst, longest wait a caller may be booked
--       for, and optionally a block: nothing before now + block.
-- Answer: how long to wait, in microseconds. A wait beyond the longest books
--         nothing, and neither does anything where the interval is 0: there
--         only blocks count.
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000000 + tonumber(t[2])
local interval, burst, longest = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local tat = tonumber(redis.call('GET', KEYS[1]) or '0')
local room = interval * (burst - 1)

local function keep(value)
  redis.call('SET', KEYS[1], string.format('%.0f', value), 'PX', math.ceil((value - now) / 1000) + 1)
end

if ARGV[4] then
  keep(math.max(tat, now + tonumber(ARGV[4]) + room))
  return 0
end
local wait = tat - room - now
if wait < 0 then wait = 0 end
if wait > longest or interval == 0 then return wait end
keep(math.max(tat, now) + interval)
return wait
