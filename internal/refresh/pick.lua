-- The choice of what is claimed next, shared by schedule.lua and hints.lua.
--
-- Of what is due, an integration goes first whose tenant holds the fewest claims,
-- and of those the one that is due for longest. So a tenant with many
-- integrations does not keep the others waiting. claims is a sorted set: names
-- by when their claim ends.

local function tenant_of(name) return string.match(name, '^[^/]*') end

local function pick(due, claims, now)
  redis.call('ZREMRANGEBYSCORE', claims, '-inf', now)
  local n = math.min(redis.call('ZCOUNT', due, '-inf', now), 1000)
  if n == 0 then return end
  local held, best, least = {}, nil, nil
  for _, name in ipairs(redis.call('ZRANGE', claims, 0, -1)) do
    local tenant = tenant_of(name)
    held[tenant] = (held[tenant] or 0) + 1
  end
  for from = 0, n - 1, 50 do
    for _, name in ipairs(redis.call('ZRANGE', due, from, math.min(from + 50, n) - 1)) do
      local count = held[tenant_of(name)] or 0
      if count == 0 then return name end
      if not least or count < least then best, least = name, count end
    end
  end
  return best
end

