-- Puts a job in, once: now, or when it is due.
--
-- ARGV   2 id, 3 raw element, 4 priority (0 bulk, 1 normal, 2 high), 5 due (ms of the server's clock; 0: now)
-- Reply  ACCEPTED | DUPLICATE state | CONFLICT
-- Invariant  An id enters the queue once while it is remembered. High priority goes ahead only of something, and bulk
--        yields only to something: an idle worker watches `ready` alone. What is not due yet never expires.

local id, raw, priority, due = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5]) or 0
local sha = redis.sha1hex(raw)
local known = redis.call('HMGET', JOB .. id, 'state', 'sha')
if known[1] then
  return (known[2] and known[2] ~= sha) and { 'CONFLICT' } or { 'DUPLICATE', known[1] }
end

local list
if due > NOW then
  redis.call('ZADD', DELAYED, due, id)
else
  list = list_for(priority)
  redis.call('LPUSH', list, raw)
end
redis.call('HSET', JOB .. id, 'state', 'delayed', 'sha', sha, 'raw', raw, 'priority', priority, 'first_seen_ms', NOW)
if list then
  note_ready(id, list)
  event('ready', id, 'submitted')
else
  redis.call('HSET', JOB .. id, 'due_ms', due)
  event('delayed', id, 'submitted')
end
count('submitted')
return { 'ACCEPTED' }
