-- Closes the breaker of an upstream and forgets its rate: a person says that it works.
--
-- Uses   rate, gates
-- ARGV   2 upstream
-- Reply  LIFTED | NONE
-- Invariant  Other upstreams stay as they are.

local gate = gates()
local held = redis.call('HDEL', HOLDS, ARGV[2])
local limited = gate.forget(ARGV[2], gate.RATE)
gate.forget(ARGV[2], gate.BREAKER)
gate.forget(ARGV[2], { 'opened' })
if held + limited == 0 then
  return { 'NONE' }
end
event('lifted', '', ARGV[2])
return { 'LIFTED' }
