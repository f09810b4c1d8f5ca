-- Closes the breaker of an upstream: it works again.
--
-- ARGV   2 upstream
-- Reply  LIFTED | NONE
-- Invariant  Other upstreams stay as they are.

if redis.call('HDEL', HOLDS, ARGV[2]) == 0 then
  return { 'NONE' }
end
event('lifted', '', ARGV[2])
return { 'LIFTED' }
