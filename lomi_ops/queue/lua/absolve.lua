-- Decides on a job that was buried because its workers died, although one of them may have settled it before.
--
-- ARGV   2 id, 3 settled (0|1), 4 payload ('' publishes nothing), 5 channel, 6 retention (ms)
-- Reply  DONE receivers | BURIED | MOVED (it is no such dead letter any more)
-- Invariant  What the ledger has settled ends as done, its message published once. What it has not stays a dead letter.

also_when_full()
local id, settled, payload, channel, retention_ms = ARGV[2], ARGV[3] == '1', ARGV[4], ARGV[5], tonumber(ARGV[6])
local job = JOB .. id

if not redis.call('ZSCORE', DOUBT, id) or redis.call('HGET', job, 'state') ~= 'dead' then
  redis.call('ZREM', DOUBT, id)
  return { 'MOVED' }
elseif not settled then
  redis.call('ZREM', DOUBT, id)
  return { 'BURIED' }
end

local entry = redis.call('XADD', RESULTS, 'MAXLEN', '~', RESULTS_MAX, '*', 'job_id', id, 'payload', payload)
redis.call('ZADD', DONE, NOW, id)
redis.call('HSET', job, 'state', 'done', 'done_ms', NOW, 'result_id', entry, 'receivers', 0)
redis.call('ZREM', DEAD, id)
redis.call('ZREM', DOUBT, id)
tell('undone', id, 'it was settled before its worker died')
redis.call('HDEL', job, 'raw', 'cancel', 'dead_ms')
redis.call('PEXPIRE', job, retention_ms)
count('absolved')
event('done', id, 'it was settled before its worker died')
return { 'DONE', payload == '' and 0 or speak(id, channel, payload, retention_ms) }
