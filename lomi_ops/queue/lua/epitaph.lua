-- Notes how a worker's process ended, as whoever started it has seen it: for the story of the jobs that it held.
--
-- OWN    1 hash of the worker
-- ARGV   2 how it ended
-- Reply  NOTED | MISSING
-- Invariant  A worker that is not registered is not invented; no job is touched, and the record goes away when it would.

if redis.call('EXISTS', OWN[1]) == 0 then
  return { 'MISSING' }
end
redis.call('HSET', OWN[1], 'exit', ARGV[2])
return { 'NOTED' }
