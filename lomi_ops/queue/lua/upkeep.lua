-- One round of what any worker does for all: reap, then relay, if nobody else did so just now.
--
-- Runs   reap, relay
-- ARGV   2-5 as reap has them, 6 channel
-- Reply  { reply of reap, reply of relay, 1 where something runs or is delayed, else 0, jobs in `ended` }
-- Invariant  Both halves keep their own.

local reaped, heard = reap({ unpack(ARGV, 1, 5) }), { 0 }
if reaped[1] ~= 'TICK' then
  heard = relay({ ARGV[1], ARGV[6] })
end
local busy = math.min(1, redis.call('ZCARD', LEASE) + redis.call('ZCARD', DELAYED))
return { reaped, heard, busy, redis.call('XLEN', ENDED) }
