-- Takes a job of a test out of the queue and removes every trace of it, once no worker has it.
--
-- ARGV   2 id, 3 raw ('' where nobody knows it any more)
-- Reply  RUNNING (its worker is told to stop; ask again) | FORGOTTEN elements-that-waited
-- Invariant  What runs is left to its worker. Nothing remains that a worker could claim: the element goes before its record.
--
-- The list is searched for the element, from the producer's end, where a test has just pushed it. So this is for tests
-- alone: an operator's cancel leaves a tombstone instead.

also_when_full()
local id, raw = ARGV[2], ARGV[3]
local known = redis.call('HMGET', JOB .. id, 'state', 'raw', 'result_id')
if known[1] == 'running' then
  redis.call('HSET', JOB .. id, 'cancel', NOW)
  event('cancelling', id)
  return { 'RUNNING' }
end

local removed = 0
for _, element in ipairs({ raw, known[2] or '' }) do
  if element ~= '' then
    for _, list in ipairs({ READY, HIGH, BULK }) do
      removed = removed + redis.call('LREM', list, 1, element)
    end
  end
end
for _, index in ipairs({ DELAYED, DEAD, DONE, UNSENT, DOUBT }) do
  redis.call('ZREM', index, id)
end
if known[3] then
  redis.call('XDEL', RESULTS, known[3])
end
redis.call('DEL', JOB .. id)
return { 'FORGOTTEN', removed }
