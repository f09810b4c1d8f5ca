-- Publishes a message that no job in the queue has led to: a person's decision.
--
-- ARGV   2 id of the message, 3 payload, 4 channel, 5 retention (ms), 6 until when by the server's clock (ms),
--        0 for ever
-- Reply  DONE receivers | AGAIN receivers (this id had been announced before) | LATE 0 (it is not)
-- Invariant  A payload is published once per id at most. What nobody heard is kept for the relay. A person's decision is
--        not heard before a worker's on the same photo that nobody has heard yet: whoever listens keeps the last one. Whoever
--        stood still for longer than the claim on a message holds says nothing.

local id, payload, channel, retention_ms = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local job = JOB .. id

local known = redis.call('HMGET', job, 'state', 'receivers')
if known[1] then
  return { 'AGAIN', known[2] or 0 }
end
local until_ms = tonumber(ARGV[6]) or 0
if until_ms > 0 and NOW > until_ms then
  return { 'LATE', 0 }
end

local entry = redis.call('XADD', RESULTS, 'MAXLEN', '~', RESULTS_MAX, '*', 'job_id', id, 'payload', payload)
redis.call('HSET', job, 'state', 'done', 'done_ms', NOW, 'result_id', entry, 'receivers', 0)
redis.call('PEXPIRE', job, retention_ms)
redis.call('ZADD', DONE, NOW, id)
count('announced')
return { 'DONE', speak(id, channel, payload, retention_ms, redis.call('EXISTS', UNSENT) == 1) }
