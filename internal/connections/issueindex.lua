-- The index from an issue to the entities whose buttons show it, shared by
-- transitions.lua and import.lua.
--
-- An entry is a field of a hash: eight hex digits of the SHA-1 of the issue's id,
-- and for another entity under the same digits a number behind them. Its value is
-- the entity, a UUID in 16 bytes. So an entry takes about 40 bytes while Redis keeps
-- the hash as a list, which it does up to 512 fields (hash-max-listpack-entries, or
-- hash-max-ziplist-entries before Redis 7).
--
-- The hashes are the buckets of a linear hashing: one more is made, by splitting
-- one of them, whenever an entry goes to a bucket that is full. Their number is
-- a field of the tenant's hash.
local index_full, index_entities = 150, 20
local index_place = tenant .. '/' .. integration
local index_meta, index_count = tag .. 't:' .. tenant, 'buckets:' .. integration

local function index_buckets() return tonumber(redis.call('HGET', index_meta, index_count) or 1) end

-- The bucket of an entry, where there are n of them.
local function index_bucket(digits, n)
  local hash, size = tonumber(string.sub(digits, 1, 8), 16), 1
  while size * 2 <= n do size = size * 2 end
  local bucket = hash % (size * 2)
  if bucket >= n then bucket = hash % size end
  return tag .. 'i:' .. index_place .. ':' .. bucket
end

local function index_digits(issue) return string.sub(redis.sha1hex(issue), 1, 8) end

local function index_uuid(hex)
  return (string.gsub(hex, '^(........)(....)(....)(....)(.*)$', '%1-%2-%3-%4-%5'))
end

-- index_pack is an entity as its entry has it: u and the bytes of a UUID, or s
-- and the entity.
local function index_pack(who)
  local hex = string.gsub(who, '-', '')
  if #hex ~= 32 or string.find(hex, '[^0-9a-f]') or index_uuid(hex) ~= who then return 's' .. who end
  return 'u' .. (string.gsub(hex, '..', function(pair) return string.char(tonumber(pair, 16)) end))
end

local function index_unpack(value)
  if string.sub(value, 1, 1) == 's' then return string.sub(value, 2) end
  local hex = {}
  for i = 2, #value do hex[#hex + 1] = string.format('%02x', string.byte(value, i)) end
  return index_uuid(table.concat(hex))
end

local function index_split(n)
  local size = 1
  while size * 2 <= n do size = size * 2 end
  local from, to = tag .. 'i:' .. index_place .. ':' .. (n - size), tag .. 'i:' .. index_place .. ':' .. n
  local all, move, drop = redis.call('HGETALL', from), {}, {}
  for i = 1, #all, 2 do
    if index_bucket(all[i], n + 1) == to then
      move[#move + 1], move[#move + 2] = all[i], all[i + 1]
      drop[#drop + 1] = all[i]
    end
  end
  if #move > 0 then
    redis.call('HSET', to, unpack(move))
    redis.call('HDEL', from, unpack(drop))
  end
  redis.call('HSET', index_meta, index_count, n + 1)
end

-- index_fields are the entries under an issue's digits: their bucket, and the
-- entities up to the first gap.
local function index_fields(digits, n)
  local bucket, names = index_bucket(digits, n), {}
  for i = 1, index_entities do names[i] = i == 1 and digits or digits .. i end
  local values, found = redis.call('HMGET', bucket, unpack(names)), {}
  for i, value in ipairs(values) do
    if not value then break end
    found[i] = index_unpack(value)
  end
  return bucket, found
end

-- More entities of one issue than the index takes are left to the sweep.
local function index_add(issue, who)
  local digits, n = index_digits(issue), index_buckets()
  local bucket, found = index_fields(digits, n)
  for _, known in ipairs(found) do if known == who then return end end
  if #found >= index_entities then return end
  redis.call('HSET', bucket, #found == 0 and digits or digits .. (#found + 1), index_pack(who))
  if redis.call('HLEN', bucket) > index_full then index_split(n) end
end

-- The last entry takes the place of the one that goes, so that there is no gap.
local function index_drop(digits, who)
  local bucket, found = index_fields(digits, index_buckets())
  for i, known in ipairs(found) do
    if known == who then
      local name = function(at) return at == 1 and digits or digits .. at end
      if i < #found then redis.call('HSET', bucket, name(i), index_pack(found[#found])) end
      redis.call('HDEL', bucket, name(#found))
      return
    end
  end
end

local function index_remove(issue, who) index_drop(index_digits(issue), who) end
