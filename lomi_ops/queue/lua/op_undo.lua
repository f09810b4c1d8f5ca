-- Undoes the next part of an operation, the last job first.
--
-- Uses   operation
-- OWN    1 hash of the operation, 2 its plan, 3 its log
-- ARGV   2 op, 3 at most so many jobs (100), 4 keep (ms), 5 by
-- Reply  state left undone moved_on
-- Invariant  A job becomes what it was only if it still stands as the operation left it. What was started, finished or
--        touched by somebody else since then stays as it is and counts as moved on. What was not begun is given up.

also_when_full()
local OP, PLAN, LOG = OWN[1], OWN[2], OWN[3]
local op, keep_ms = ARGV[2], tonumber(ARGV[4])
local state, for_good, verb = unpack(redis.call('HMGET', OP, 'state', 'for_good', 'verb'))
local LEFT = verb == 'retry' and 'ready' or 'cancelled' -- how it leaves what does not run

if for_good == '1' or (state ~= 'running' and state ~= 'finished' and state ~= 'undoing') then
  return progress(OP, LOG, 'undone', 'moved_on')
end
if state ~= 'undoing' then
  redis.call('HSET', OP, 'state', 'undoing', 'undone_by', ARGV[5], 'undo_ms', NOW)
  redis.call('UNLINK', PLAN)
  event('operation', '', op .. ' is undone')
end

local function into(index, score, id, was, word)
  restore(id, was)
  redis.call('ZADD', index, score or NOW, id)
  redis.call('HSET', JOB .. id, 'state', word)
  redis.call('PERSIST', JOB .. id)
  redis.call('ZREM', DONE, id)
  event(word, id, 'undone')
end

-- By what a job was; each answers whether it is that again.
local backs = {}

function backs.dead(id, now, was)
  if now ~= LEFT then
    return false
  end
  into(DEAD, was.dead_ms, id, was, 'dead')
  return true
end

function backs.delayed(id, now, was, raw)
  if now ~= LEFT or not raw then
    return false
  end
  into(DELAYED, was.due_ms, id, was, 'delayed')
  return true
end

-- A waiting job that was cancelled is still in its list, unless somebody took the element off and noted its bytes.
function backs.ready(id, now, was, raw, dropped)
  if now ~= 'cancelled' then
    return false
  end
  restore(id, was)
  if dropped then
    push_next(id, raw)
  elseif raw then
    note_ready(id, was.kept and BULK or READY)
  else
    redis.call('DEL', JOB .. id)
  end
  redis.call('ZREM', DONE, id)
  event('ready', id, 'undone')
  return true
end

function backs.running(id, now, was, raw)
  if now == 'running' then
    redis.call('HDEL', JOB .. id, 'cancel')
    return true
  elseif now ~= 'cancelled' or not raw then
    return false
  end
  push_next(id, raw)
  -- The try that was stopped does not count.
  redis.call('HSET', JOB .. id, 'token', '', 'attempt', math.max(0, (tonumber(was.attempt) or 1) - 1))
  redis.call('HDEL', JOB .. id, 'cancel')
  redis.call('ZREM', DONE, id)
  event('ready', id, 'undone')
  return true
end

local batch = redis.call('LRANGE', LOG, -math.min(tonumber(ARGV[3]), BATCH), -1)
for i = #batch, 1, -1 do
  local id, undone = batch[i], false
  local job = redis.call('HMGET', JOB .. id, 'op', 'op_was', 'state', 'raw', 'op_dropped')
  if job[1] == op and job[2] then
    local was = recalled(job[2])
    local back = backs[was.state or 'ready'] -- a job that no claim had seen had no record
    undone = back and back(id, job[3], was, job[4], job[5])
    redis.call('HDEL', JOB .. id, 'op', 'op_was', 'op_dropped')
  end
  redis.call('HINCRBY', OP, undone and 'undone' or 'moved_on', 1)
  redis.call('RPOP', LOG)
end

close_step(OP, LOG, op, 'undone', keep_ms)
return progress(OP, LOG, 'undone', 'moved_on')
