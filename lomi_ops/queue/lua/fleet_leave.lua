-- Gives the fleet back.
--
-- OWN    1 hash of the fleet
-- ARGV   2 token
-- Reply  LEFT | LOST (it was not ours any more)
-- Invariant  Nobody gives back what somebody else holds.

also_when_full()
if redis.call('HGET', OWN[1], 'token') ~= ARGV[2] then
  return { 'LOST' }
end
redis.call('DEL', OWN[1])
return { 'LEFT' }
