-- Closes the breakers of upstreams that a job has just shown to work.
--
-- Uses   rate, gates
-- ARGV   2 claimed (ms): when that job was claimed, 3.. upstreams
-- Reply  how many were closed
-- Invariant  What was claimed before a breaker opened closes nothing: it may have been answered before, too. The rate
--            stays as it is. Other upstreams stay as they are.

local gate = gates()
local claimed_ms, closed = tonumber(ARGV[2]), 0
local limits = fields(LIMITS)
for i = 3, math.min(#ARGV, 2 + BATCH) do
  local upstream = ARGV[i]
  local breaker = gate.breaker_of(upstream, redis.call('HGET', HOLDS, upstream), limits)
  if breaker and claimed_ms > breaker.opened then
    redis.call('HDEL', HOLDS, upstream)
    gate.forget(upstream, gate.BREAKER)
    event('lifted', '', upstream)
    closed = closed + 1
  end
end
return { closed }
