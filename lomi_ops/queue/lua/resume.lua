-- Allows claims again.
--
-- ARGV   none
-- Reply  RESUMED | RUNNING (it was not paused)
-- Invariant  Waiting jobs are where they were.

if redis.call('DEL', PAUSED) == 0 then
  return { 'RUNNING' }
end
event('resumed', '')
return { 'RESUMED' }
