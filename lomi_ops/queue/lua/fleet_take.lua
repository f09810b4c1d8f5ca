-- Takes the fleet for one change of its workers: who is at work, on what, since when. The holder takes it anew for longer.
--
-- OWN    1 hash of the fleet
-- ARGV   2 token, 3 lease (ms), 4 by, 5 what, 6 host
-- Reply  TAKEN until | HELD by, what, host, since, until, now
-- Invariant  There is one holder at most. The lease of one who does not come back runs out by itself.

also_when_full()
local FLEET, token, lease_ms = OWN[1], ARGV[2], tonumber(ARGV[3])
local held = redis.call('HMGET', FLEET, 'token', 'by', 'what', 'host', 'since', 'until')
if held[1] and held[1] ~= token and tonumber(held[6]) > NOW then
  return { 'HELD', held[2], held[3], held[4], held[5], held[6], NOW }
end
local since = held[1] == token and held[5] or NOW
redis.call('DEL', FLEET)
redis.call('HSET', FLEET, 'token', token, 'by', ARGV[4], 'what', ARGV[5], 'host', ARGV[6], 'since', since,
  'until', NOW + lease_ms)
redis.call('PEXPIRE', FLEET, lease_ms)
return { 'TAKEN', NOW + lease_ms }
