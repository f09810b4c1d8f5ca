-- Forgets a worker that goes away by itself. Its leases, if any, run out as they are.
--
-- OWN    1 hash of the worker
-- ARGV   2 boot
-- Reply  GONE
-- Invariant  No job is touched.

redis.call('ZREM', WORKERS, ARGV[2])
redis.call('DEL', OWN[1])
return { 'GONE' }
