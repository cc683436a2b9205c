-- One change of a tenant or of its integrations, atomically.
-- KEYS: tenant, integrations (hash id -> JSON), names (hash name -> id)
-- ARGV: verb, id, name, version that is expected, JSON, most integrations; with
--       reseal also the text that is expected
local tenant, integrations, names = KEYS[1], KEYS[2], KEYS[3]
local verb, id, name, version, doc = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]

-- What the tenant says is read only where it counts: one that cannot be read
-- keeps nobody from changing or sealing anew what it has.
if redis.call('EXISTS', tenant) == 0 then return 'no tenant' end

if verb == 'tenant' then
  local owner = cjson.decode(redis.call('GET', tenant))
  if owner.version ~= version then return 'version' end
  redis.call('SET', tenant, doc)
  return 'done'
end

if verb == 'drop' then
  if redis.call('HLEN', integrations) > 0 then return 'in use' end
  redis.call('DEL', tenant, integrations, names)
  return 'done'
end

local holder = redis.call('HGET', names, name)
if verb == 'create' then
  local owner = cjson.decode(redis.call('GET', tenant))
  if owner.deleting then return 'no tenant' end
  if holder then return 'name taken' end
  local most = owner.limits and owner.limits.integrations or tonumber(ARGV[6])
  if redis.call('HLEN', integrations) >= most then return 'full' end
  redis.call('HSET', integrations, id, doc)
  redis.call('HSET', names, name, id)
  return 'done'
end

local raw = redis.call('HGET', integrations, id)
if not raw then return 'missing' end
if verb == 'reseal' then
  -- The same content under another key: only over the very text it was made of.
  if raw ~= ARGV[7] then return 'version' end
  redis.call('HSET', integrations, id, doc)
  return 'done'
end

local before = cjson.decode(raw)
if before.version ~= version then return 'version' end

if verb == 'delete' then
  redis.call('HDEL', integrations, id)
  redis.call('HDEL', names, before.name)
  return 'done'
end

-- update
if holder and holder ~= id then return 'name taken' end
if before.name ~= name then redis.call('HDEL', names, before.name) end
redis.call('HSET', names, name, id)
redis.call('HSET', integrations, id, doc)
return 'done'
