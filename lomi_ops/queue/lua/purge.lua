-- Forgets a dead letter.
--
-- ARGV   2 id
-- Reply  PURGED | MISSING
-- Invariant  Nothing but a dead letter is ever forgotten this way.

local id = ARGV[2]
if redis.call('HGET', JOB .. id, 'state') ~= 'dead' then
  return { 'MISSING' }
end
redis.call('ZREM', DEAD, id)
redis.call('DEL', JOB .. id)
count('purged')
event('purged', id)
return { 'PURGED' }
