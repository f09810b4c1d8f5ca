-- Closes the breaker of an upstream and forgets its rate: a person says that it works.
--
-- ARGV   2 upstream
-- Reply  LIFTED | NONE
-- Invariant  Other upstreams stay as they are.

local held = redis.call('HDEL', HOLDS, ARGV[2])
local limited = forget(ARGV[2], RATE)
forget(ARGV[2], BREAKER)
forget(ARGV[2], { 'opened' })
if held + limited == 0 then
  return { 'NONE' }
end
event('lifted', '', ARGV[2])
return { 'LIFTED' }
