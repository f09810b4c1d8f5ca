-- One round of what any worker does for all: reap, then relay, if nobody else did so just now.
--
-- Runs   reap, relay
-- ARGV   2-5 as reap has them, 6 channel
-- Reply  { reply of reap, reply of relay, 1 where something runs or is delayed, else 0, jobs in `ended`, 1 where the relay
--        was refused, else 0 }
-- Invariant  Both halves keep their own. A relay that may not publish does not hide what was reaped.

local reaped, heard, refused = reap({ unpack(ARGV, 1, 5) }), { 0 }, 0
if reaped[1] ~= 'TICK' then
  local fine, answer = pcall(relay, { ARGV[1], ARGV[6] })
  if fine then
    heard = answer
  else
    refused = 1
  end
end
local busy = math.min(1, redis.call('ZCARD', LEASE) + redis.call('ZCARD', DELAYED))
return { reaped, heard, busy, redis.call('XLEN', ENDED), refused }
