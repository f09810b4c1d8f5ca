-- Publishes again what nobody heard.
--
-- ARGV   2 channel
-- Reply  number of messages heard now
-- Invariant  A message is struck off only when somebody heard it, in the same step; so it is heard once.

also_when_full()
local heard = 0
for _, id in ipairs(redis.call('ZRANGE', UNSENT, 0, BATCH - 1)) do
  local payload = redis.call('HGET', JOB .. id, 'payload')
  if not payload then
    redis.call('ZREM', UNSENT, id)
    count('unsent_expired')
  else
    local receivers = redis.call('PUBLISH', ARGV[2], payload)
    if receivers == 0 then
      break
    end
    redis.call('ZREM', UNSENT, id)
    redis.call('HSET', JOB .. id, 'receivers', receivers)
    redis.call('HDEL', JOB .. id, 'payload')
    heard = heard + 1
  end
end
return { heard }
