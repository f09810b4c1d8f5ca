-- Ends a failed attempt: another one later, or a dead letter. Which, the caller has decided.
--
-- ARGV   2 id, 3 token, 4 retry|bury, 5 delay (ms), 6 refund (0|1), 7 class, 8 code, 9 error, 10 hint, 11 retention (ms)
-- Reply  DELAYED due_ms refunded(0|1) | DEAD | CANCELLED | FENCED
-- Invariant  The job is in its new place before it leaves `running`. The same call again answers the same.

also_when_full()
local id, token, verb, delay_ms, refund = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5]), ARGV[6] == '1'
local class, code, said, hint, retention_ms = ARGV[7], ARGV[8], ARGV[9], ARGV[10], tonumber(ARGV[11])
local job = JOB .. id

if not holds(id, token) then
  local known = redis.call('HMGET', job, 'state', 'token', 'due_ms', 'refunded')
  if known[2] ~= token or token == '' then
    return { 'FENCED' }
  elseif known[1] == 'delayed' or (known[1] == 'ready' and known[3]) then
    return { 'DELAYED', known[3], known[4] }
  elseif known[1] == 'dead' then
    return { 'DEAD' }
  elseif known[1] == 'cancelled' then
    return { 'CANCELLED' }
  end
  return { 'FENCED' }
end

if redis.call('HEXISTS', job, 'cancel') == 1 then
  close_cancelled(id, retention_ms)
  count('withdrawn')
  let_go(id)
  return { 'CANCELLED' }
end

-- Attempts that failed for an upstream, by its name: `objects` in bad weather, `objects_failed` for a photo alone.
local UPSTREAMS = { compreface = true, objects = true, postgres = true, lomi = true }
local upstream = string.match(code, '^(%a+)_failed$') or code
if UPSTREAMS[upstream] then
  redis.call('HINCRBY', MEASURED, 'n:failed:' .. upstream, 1)
end

-- What was no weather is the worker's own story, whoever is to blame.
local function let_go_of_a_failure()
  local worker = credit(let_go(id), 'errors')
  if worker then
    redis.call('HSET', worker, 'error_ms', NOW, 'error_code', code)
  end
end

if verb == 'bury' then
  bury(id, class, code, said, hint)
  let_go_of_a_failure()
  return { 'DEAD' }
end

local due = NOW + delay_ms
redis.call('ZADD', DELAYED, due, id)
redis.call('HSET', job, 'state', 'delayed', 'due_ms', due, 'refunded', refund and 1 or 0, 'error_class', class,
  'error_code', code, 'error', said, 'hint', hint)
if refund then
  redis.call('HINCRBY', job, 'attempt', -1)
  redis.call('HINCRBY', job, 'setbacks', 1)
  redis.call('HSETNX', job, 'first_outage_ms', NOW)
end
if refund then
  let_go(id)
else
  let_go_of_a_failure()
end
count(refund and 'refunded' or 'retried')
event('delayed', id, code)
return { 'DELAYED', due, refund and 1 or 0 }
