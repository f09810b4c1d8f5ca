-- Renews the lease on the fleet.
--
-- OWN    1 hash of the fleet
-- ARGV   2 token, 3 lease (ms)
-- Reply  KEPT until | LOST (it ran out, or somebody else has it)
-- Invariant  Only the holder of the token renews.

also_when_full()
local FLEET, lease_ms = OWN[1], tonumber(ARGV[3])
if redis.call('HGET', FLEET, 'token') ~= ARGV[2] then
  return { 'LOST' }
end
redis.call('HSET', FLEET, 'until', NOW + lease_ms)
redis.call('PEXPIRE', FLEET, lease_ms)
return { 'KEPT', NOW + lease_ms }
