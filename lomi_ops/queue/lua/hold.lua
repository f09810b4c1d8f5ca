-- Opens the breaker of an upstream for all machines.
--
-- ARGV   2 upstream, 3 for (ms), 4 reason
-- Reply  HELD until_ms
-- Invariant  A hold is only ever lengthened; it remembers when the first one of this outage was set. It ends by itself.

also_when_full()
local FORGET_MS = 15 * 60 * 1000 -- a hold that ended so long ago belongs to another outage

local known = redis.call('HGET', HOLDS, ARGV[2]) or ''
local till, since = string.match(known, '^(%d+)|(%d+)|')
if till and tonumber(till) < NOW - FORGET_MS then
  since = nil
end
till = math.max(NOW + tonumber(ARGV[3]), tonumber(till) or 0)
redis.call('HSET', HOLDS, ARGV[2], string.format('%d|%d|%s', till, tonumber(since) or NOW, ARGV[4]))
event('held', '', ARGV[2])
return { 'HELD', till }
