-- Stops claims.
--
-- ARGV   2 by, 3 reason, 4 for (ms; '' until somebody resumes)
-- Reply  PAUSED, by, reason, since of the pause that this one replaces ('' where there was none)
-- Invariant  After this answer no claim takes a job. The list itself is untouched.

local was = redis.call('HMGET', PAUSED, 'by', 'reason', 'since', 'until')
if was[4] and was[4] ~= '' and tonumber(was[4]) <= NOW then
  was = {}
end
redis.call('DEL', PAUSED)
redis.call('HSET', PAUSED, 'by', ARGV[2], 'reason', ARGV[3], 'since', NOW,
  'until', ARGV[4] == '' and '' or NOW + tonumber(ARGV[4]))
event('paused', '', ARGV[3])
return { 'PAUSED', was[1] or '', was[2] or '', was[3] or '' }
