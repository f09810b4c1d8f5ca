-- Gives a job back unharmed: its worker is going away.
--
-- ARGV   2 id, 3 token, 4 retention (ms)
-- Reply  RELEASED | CANCELLED | FENCED
-- Invariant  The attempt does not count; the job is next in line. The same call again answers the same.

also_when_full()
local id, token, retention_ms = ARGV[2], ARGV[3], tonumber(ARGV[4])
local job = JOB .. id

if not holds(id, token) then
  local known = redis.call('HMGET', job, 'state', 'token')
  if known[2] == token and token ~= '' and known[1] == 'ready' then
    return { 'RELEASED' }
  elseif known[2] == token and token ~= '' and known[1] == 'cancelled' then
    return { 'CANCELLED' }
  end
  return { 'FENCED' }
end

if redis.call('HEXISTS', job, 'cancel') == 1 then
  close_cancelled(id, retention_ms)
  count('withdrawn')
  let_go(id)
  return { 'CANCELLED' }
end

push_next(id, redis.call('HGET', job, 'raw'))
redis.call('HINCRBY', job, 'attempt', -1)
redis.call('HDEL', job, 'due_ms')
let_go(id)
count('released')
event('ready', id, 'released')
return { 'RELEASED' }
