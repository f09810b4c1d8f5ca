-- Puts a job in, once.
--
-- ARGV   2 id, 3 raw element, 4 priority (1 normal, 2 high)
-- Reply  ACCEPTED | DUPLICATE state | CONFLICT
-- Invariant  An id enters the queue once while it is remembered. High priority goes ahead only of something: an idle
--        worker watches `ready` alone.

local id, raw, priority = ARGV[2], ARGV[3], ARGV[4]
local sha = redis.sha1hex(raw)
local known = redis.call('HMGET', JOB .. id, 'state', 'sha')
if known[1] then
  return (known[2] and known[2] ~= sha) and { 'CONFLICT' } or { 'DUPLICATE', known[1] }
end

redis.call('LPUSH', (priority == '2' and redis.call('EXISTS', READY) == 1) and HIGH or READY, raw)
redis.call('HSET', JOB .. id, 'state', 'ready', 'sha', sha, 'raw', raw, 'priority', priority, 'first_seen_ms', NOW)
redis.call('PEXPIRE', JOB .. id, READY_TTL_MS)
count('submitted')
event('ready', id, 'submitted')
return { 'ACCEPTED' }
