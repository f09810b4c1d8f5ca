-- Does the next part of an operation: takes jobs off its plan and acts on those that still stand as the verb needs.
--
-- Uses   operation
-- OWN    1 hash of the operation, 2 its plan, 3 its log
-- ARGV   2 op, 3 at most so many jobs (100), 4 keep (ms)
-- Reply  state left done skipped
-- Invariant  A job is on the log before it is touched, and off the plan after that: whoever is killed in between leaves
--        nothing that a repeated call or an undo would miss. Its record says what it was, so that it can be again.

also_when_full()
local OP, PLAN, LOG = OWN[1], OWN[2], OWN[3]
local op, keep_ms = ARGV[2], tonumber(ARGV[4])
local known = redis.call('HMGET', OP, 'state', 'verb', 'lane', 'for_good')
local verb, bulk, for_good = known[2], known[3] == 'bulk', known[4] == '1'

if known[1] ~= 'running' then
  return progress(OP, PLAN, 'done', 'skipped')
end

local function note(id)
  local was = remembered(id)
  redis.call('RPUSH', LOG, id)
  redis.call('HSET', JOB .. id, 'op', op, 'op_was', was)
  redis.call('HDEL', JOB .. id, 'op_dropped')
end

local function waits_delayed(id, state)
  return state == 'delayed' and redis.call('ZSCORE', DELAYED, id)
end

-- Back to the consume end; behind everything else where many come back at once.
local function again(id, raw)
  if bulk then
    redis.call('HSET', JOB .. id, 'priority', 0)
  end
  push_next(id, raw)
end

local acts = {}

function acts.retry(id, job)
  if job.state == 'dead' and job.raw then
    note(id)
    again(id, job.raw)
    redis.call('HSET', JOB .. id, 'attempt', 0, 'crashes', 0, 'setbacks', 0, 'token', '')
    redis.call('HDEL', JOB .. id, 'first_outage_ms', 'dead_ms', 'due_ms')
    redis.call('ZREM', DEAD, id)
    count('requeued')
    event('ready', id, 'requeued')
    return true
  elseif waits_delayed(id, job.state) and job.raw then
    note(id)
    again(id, job.raw)
    redis.call('HDEL', JOB .. id, 'due_ms')
    redis.call('ZREM', DELAYED, id)
    event('ready', id, 'hurried')
    return true
  end
end

function acts.delete(id, job)
  if job.state ~= 'dead' then
    return false
  elseif for_good then
    count('purged')
    event('purged', id)
    redis.call('ZREM', DEAD, id)
    redis.call('ZREM', DOUBT, id)
    redis.call('DEL', JOB .. id)
    return true
  end
  note(id)
  redis.call('ZADD', DONE, NOW, id)
  redis.call('HSET', JOB .. id, 'state', 'cancelled')
  redis.call('PEXPIRE', JOB .. id, keep_ms)
  redis.call('ZREM', DEAD, id)
  count('deleted')
  event('cancelled', id, 'deleted')
  return true
end

function acts.cancel(id, job)
  if job.state == 'running' and job.cancel then
    return false -- by somebody else, who may still want it when this is undone
  elseif job.state == 'running' then
    note(id)
    redis.call('HSET', JOB .. id, 'cancel', NOW)
    event('cancelling', id)
    return true
  elseif job.state and job.state ~= 'ready' and not waits_delayed(id, job.state) then
    return false
  end
  note(id)
  close_cancelled(id, keep_ms)
  if job.state == 'delayed' then
    redis.call('ZREM', DELAYED, id)
    count('withdrawn')
  end
  return true
end

for _, id in ipairs(redis.call('LRANGE', PLAN, 0, math.min(tonumber(ARGV[3]), BATCH) - 1)) do
  local state, raw, cancel = unpack(redis.call('HMGET', JOB .. id, 'state', 'raw', 'cancel'))
  local acted = acts[verb](id, { state = state, raw = raw, cancel = cancel })
  redis.call('HINCRBY', OP, acted and 'done' or 'skipped', 1)
  redis.call('LPOP', PLAN)
end

if redis.call('EXISTS', LOG) == 1 then
  redis.call('PEXPIRE', LOG, keep_ms)
end
close_step(OP, PLAN, op, 'finished', keep_ms)
return progress(OP, PLAN, 'done', 'skipped')
