-- Stores one sample: into the window, the outbox and the counters, all or none.
-- KEYS: window, outbox, counters. ARGV: at_ms, window length, outbox length, flags, then the other field-value pairs.
-- Returns accepted, duplicate or late.
local HELD, LATE = 1, 4
local at_ms, flags = ARGV[1], tonumber(ARGV[4])

local function store(key, id, length, flags_now)
  local entry = { 'XADD', key, 'MAXLEN', '=', length, id, 'flags', flags_now }
  if id == '*' then entry[#entry + 1] = 'at_ms'; entry[#entry + 1] = at_ms end
  for i = 5, #ARGV do entry[#entry + 1] = ARGV[i] end
  redis.call(unpack(entry))
end

local function count(name, by) redis.call('HINCRBY', KEYS[3], name, by) end

local verdict = 'accepted'
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if newest and tonumber(at_ms) <= tonumber(string.match(newest[1], '^%d+')) then
  local there = redis.call('XRANGE', KEYS[1], at_ms .. '-0', at_ms .. '-0')[1]
  local was_held = there and tonumber(there[2][2]) % 2 == HELD
  local is_held = flags % 2 == HELD
  if is_held or (there and not was_held) then
    count('duplicate', 1)
    return 'duplicate'
  end
  verdict, flags = 'late', flags + LATE -- a held second that came after all is late as well
else
  store(KEYS[1], at_ms .. '-0', ARGV[2], flags)
end
local before = redis.call('XLEN', KEYS[2])
store(KEYS[2], '*', ARGV[3], flags)
count('dropped', before + 1 - redis.call('XLEN', KEYS[2]))
count(verdict, 1)
if flags % 2 == HELD then count('held', 1) end
return verdict
