-- Forgets a worker that goes away by itself. Its leases, if any, run out as they are.
--
-- KEYS   17 hash of the worker
-- ARGV   2 boot
-- Reply  GONE
-- Invariant  No job is touched.

redis.call('ZREM', WORKERS, ARGV[2])
redis.call('DEL', KEYS[17])
return { 'GONE' }
