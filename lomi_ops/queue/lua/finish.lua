-- Records a job as done and publishes its result.
--
-- ARGV   2 id, 3 token, 4 payload ('' publishes nothing), 5 channel, 6 retention (ms),
--        7 what to count (name=number ...; '' for nothing)
-- Reply  DONE receivers | AGAIN receivers (this token had finished it before) | FENCED
-- Invariant  A payload is published once per job at most, in the step that makes it done. What nobody heard is kept.
--            A job is counted in that step, too, and in no other.

also_when_full()
local id, token, payload, channel, retention_ms = ARGV[2], ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6])
local job = JOB .. id

if not holds(id, token) then
  local known = redis.call('HMGET', job, 'state', 'token', 'receivers')
  if known[1] == 'done' and known[2] == token then
    return { 'AGAIN', known[3] or 0 }
  end
  return { 'FENCED' }
end

local entry = redis.call('XADD', RESULTS, 'MAXLEN', '~', RESULTS_MAX, '*', 'job_id', id, 'payload', payload)
redis.call('ZADD', DONE, NOW, id)
redis.call('HSET', job, 'state', 'done', 'done_ms', NOW, 'result_id', entry, 'receivers', 0)
credit(let_go(id), 'done')
redis.call('HDEL', job, 'raw', 'cancel')
redis.call('PEXPIRE', job, retention_ms)
count('finished')
local left = BATCH
for name, number in string.gmatch(ARGV[7] or '', '([^ =]+)=(%d+)') do
  if left > 0 then
    redis.call('HINCRBY', MEASURED, name, number)
    left = left - 1
  end
end
event('done', id)

return { 'DONE', payload == '' and 0 or speak(id, channel, payload, retention_ms) }
