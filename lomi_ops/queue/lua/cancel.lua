-- Cancels a job wherever it is.
--
-- ARGV   2 id, 3 retention (ms)
-- Reply  the state that it is in now: cancelled, running (its worker is told with the next beat), done or dead
-- Invariant  A long list is never searched: an element that waits in it meets its tombstone when it comes up.

also_when_full()
local id, retention_ms = ARGV[2], tonumber(ARGV[3])
local state = redis.call('HGET', JOB .. id, 'state')
if state == 'running' then
  redis.call('HSET', JOB .. id, 'cancel', NOW)
  event('cancelling', id)
  return { 'running' }
elseif state == 'done' or state == 'dead' or state == 'cancelled' then
  return { state }
end
close_cancelled(id, math.max(retention_ms, READY_TTL_MS))
if redis.call('ZREM', DELAYED, id) == 1 then
  count('withdrawn')
end
return { 'cancelled' }
