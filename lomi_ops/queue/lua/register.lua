-- Makes a worker known, or describes it anew.
--
-- OWN    1 hash of the worker
-- ARGV   2 boot, 3 life time (ms), 4.. field and value in turns
-- Reply  mode
-- Invariant  A mode that an operator set, and what was counted, outlive a second registration.

also_when_full()
local WORKER, boot = OWN[1], ARGV[2]
redis.call('HSET', WORKER, 'beat_ms', NOW, unpack(ARGV, 4))
redis.call('HSETNX', WORKER, 'started_ms', NOW)
redis.call('HSETNX', WORKER, 'mode', 'running')
redis.call('HSETNX', WORKER, 'done', 0)
redis.call('HSETNX', WORKER, 'errors', 0)
redis.call('PEXPIRE', WORKER, ARGV[3])
redis.call('ZADD', WORKERS, NOW, boot)
return { redis.call('HGET', WORKER, 'mode') }
