-- Tells a worker to be running, quiet or draining; it hears it with its next beat, and its claims obey at once.
--
-- KEYS   17 hash of the worker
-- ARGV   2 mode
-- Reply  SET | MISSING
-- Invariant  A worker that is not registered is not invented.

if redis.call('EXISTS', KEYS[17]) == 0 then
  return { 'MISSING' }
end
redis.call('HSET', KEYS[17], 'mode', ARGV[2])
return { 'SET' }
