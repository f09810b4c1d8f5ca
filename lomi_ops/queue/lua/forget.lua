-- Takes a job of a test, or of an erased user, out of the queue and removes every trace of it: first stopped, then, asked again, forgotten.
--
-- ARGV   2 id, 3 how long a tombstone lasts where nobody asks again (ms)
-- Reply  RUNNING (its worker is told to stop; ask again) | STOPPED raw (no claim hands it out any more: take its element,
--        '' where it is not known here, out of the list, then ask again) | FORGOTTEN
-- Invariant  What runs is left to its worker. As long as an element may wait in a list its tombstone stands.

also_when_full()
local id, tombstone_ms = ARGV[2], tonumber(ARGV[3])
local known = redis.call('HMGET', JOB .. id, 'state', 'raw', 'result_id')
local state = known[1]
if state == 'running' then
  redis.call('HSET', JOB .. id, 'cancel', NOW)
  event('cancelling', id)
  return { 'RUNNING' }
elseif state ~= 'done' and state ~= 'dead' and state ~= 'cancelled' then
  redis.call('HSET', JOB .. id, 'state', 'cancelled')
  redis.call('PEXPIRE', JOB .. id, tombstone_ms)
  redis.call('ZADD', DONE, NOW, id)
  redis.call('ZREM', DELAYED, id)
  return { 'STOPPED', known[2] or '' }
end

for _, index in ipairs({ DELAYED, DEAD, DONE, UNSENT, DOUBT }) do
  redis.call('ZREM', index, id)
end
if known[3] then
  redis.call('XDEL', RESULTS, known[3])
end
redis.call('DEL', JOB .. id)
return { 'FORGOTTEN' }
