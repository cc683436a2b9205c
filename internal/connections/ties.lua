-- Reads on in an index of entities by time, newest first, at a place amid many
-- of one moment, without passing over all of them.
--
-- KEYS: 1 the index
-- ARGV: 1 time and 2 entity of the place before, 3 how many to read
-- Answer: entities, each followed by its time

local index, moment, entity = KEYS[1], ARGV[1], ARGV[2]

-- less compares as Redis sorts: by bytes, while < goes by the server's locale.
local function less(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x < y end
  end
  return #a < #b
end

local low = redis.call('ZCOUNT', index, '(' .. moment, '+inf')
local high = low + redis.call('ZCOUNT', index, moment, moment)
while low < high do
  local middle = math.floor((low + high) / 2)
  if less(redis.call('ZREVRANGE', index, middle, middle)[1], entity) then high = middle else low = middle + 1 end
end
return redis.call('ZREVRANGE', index, low, low + ARGV[3] - 1, 'WITHSCORES')
