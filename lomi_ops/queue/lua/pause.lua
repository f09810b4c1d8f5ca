-- Stops claims.
--
-- ARGV   2 by, 3 reason, 4 for (ms; '' until somebody resumes)
-- Reply  PAUSED
-- Invariant  After this answer no claim takes a job. The list itself is untouched.

redis.call('DEL', PAUSED)
redis.call('HSET', PAUSED, 'by', ARGV[2], 'reason', ARGV[3], 'since', NOW,
  'until', ARGV[4] == '' and '' or NOW + tonumber(ARGV[4]))
event('paused', '', ARGV[3])
return { 'PAUSED' }
