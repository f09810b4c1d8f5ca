-- Tells a worker to be running, quiet or draining; it hears it with its next beat, and its claims obey at once.
--
-- OWN    1 hash of the worker
-- ARGV   2 mode
-- Reply  SET | MISSING
-- Invariant  A worker that is not registered is not invented.

also_when_full()
if redis.call('EXISTS', OWN[1]) == 0 then
  return { 'MISSING' }
end
redis.call('HSET', OWN[1], 'mode', ARGV[2])
return { 'SET' }
