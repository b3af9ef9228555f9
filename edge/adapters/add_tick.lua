-- Stores one second's predictions: into the predictions, the outbox and the counters, all or none.
-- KEYS: predictions, outbox, counters. ARGV: at_ms, window length, outbox length, layout, packed.
-- Returns 1, or 0 where that second has its predictions already.
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if newest and tonumber(ARGV[1]) <= tonumber(string.match(newest[1], '^%d+')) then return 0 end
redis.call('XADD', KEYS[1], 'MAXLEN', '=', ARGV[2], ARGV[1] .. '-0', 'layout', ARGV[4], 'packed', ARGV[5])
local before = redis.call('XLEN', KEYS[2])
redis.call('XADD', KEYS[2], 'MAXLEN', '=', ARGV[3], '*', 'at_ms', ARGV[1], 'layout', ARGV[4], 'packed', ARGV[5])
redis.call('HINCRBY', KEYS[3], 'dropped', before + 1 - redis.call('XLEN', KEYS[2]))
redis.call('HINCRBY', KEYS[3], 'predicted', 1)
return 1
