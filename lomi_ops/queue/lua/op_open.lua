-- Opens an operation on many jobs: who wants what, and of which jobs. Or adds more of these to it.
--
-- OWN    1 hash of the operation, 2 its plan
-- ARGV   2 op, 3 keep (ms), 4 so many are in the plan already, 5 total, 6 verb, 7 lane, 8 for good (0|1), 9 by, 10 reason,
--        11 filter, 12.. job ids
-- Reply  OPEN number-in-the-plan | CONFLICT state (it runs already, or ran)
-- Invariant  An operation acts on nothing before its plan is whole. The same call again adds nothing.

also_when_full()
local OP, PLAN = OWN[1], OWN[2]
local op, keep_ms, offset, total = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local FORGET_MS = 30 * 24 * 3600 * 1000

local state = redis.call('HGET', OP, 'state')
if state and state ~= 'planning' then
  return { 'CONFLICT', state }
end
if not state then
  redis.call('HSET', OP, 'state', 'planning', 'verb', ARGV[6], 'lane', ARGV[7], 'for_good', ARGV[8], 'by', ARGV[9],
    'reason', ARGV[10], 'filter', ARGV[11], 'total', total, 'opened_ms', NOW)
  redis.call('ZADD', OPS, NOW, op)
  redis.call('ZREMRANGEBYSCORE', OPS, '-inf', NOW - FORGET_MS)
end
if redis.call('LLEN', PLAN) == offset and #ARGV >= 12 then
  redis.call('RPUSH', PLAN, unpack(ARGV, 12))
end
local planned = redis.call('LLEN', PLAN)
redis.call('PEXPIRE', PLAN, keep_ms)
redis.call('PEXPIRE', OP, keep_ms)
if planned >= total then
  redis.call('HSET', OP, 'state', 'running', 'begun_ms', NOW)
  event('operation', '', op .. ' begun: ' .. ARGV[6])
end
return { 'OPEN', planned }
