-- Puts a dead letter back to the consume end, with all its attempts.
--
-- ARGV   2 id
-- Reply  REQUEUED | MISSING
-- Invariant  The element is in the list before the letter is gone.

local id = ARGV[2]
local known = redis.call('HMGET', JOB .. id, 'state', 'raw')
if known[1] ~= 'dead' or not known[2] then
  return { 'MISSING' }
end
push_next(id, known[2])
redis.call('HSET', JOB .. id, 'attempt', 0, 'crashes', 0, 'setbacks', 0, 'token', '')
redis.call('HDEL', JOB .. id, 'first_outage_ms', 'dead_ms', 'due_ms')
redis.call('ZREM', DEAD, id)
count('requeued')
event('ready', id, 'requeued')
return { 'REQUEUED' }
