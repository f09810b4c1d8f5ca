-- Renews the leases of one worker process and its registration.
--
-- OWN    1 hash of the worker
-- ARGV   2 boot, 3 lease (ms), 4.. id and token in turns, 100 pairs at most
-- Reply  mode of the worker ('' where it is not registered), then OK, LOST or CANCEL for each pair
-- Invariant  Only the holder of the token renews; a lease that has run out but was not reaped is renewed too.

also_when_full()
local WORKER = OWN[1]
local boot, lease_ms = ARGV[2], tonumber(ARGV[3])
local WORKER_TTL_MS = 600 * 1000

local reply = { '' }
for i = 4, math.min(#ARGV, 3 + 2 * BATCH), 2 do
  local id, token = ARGV[i], ARGV[i + 1]
  if holds(id, token) then
    redis.call('ZADD', LEASE, NOW + lease_ms, id)
    redis.call('HSET', JOB .. id, 'beat_ms', NOW)
    redis.call('HSET', SLOTS, redis.call('HGET', JOB .. id, 'slot'), id)
    reply[#reply + 1] = redis.call('HEXISTS', JOB .. id, 'cancel') == 1 and 'CANCEL' or 'OK'
  else
    reply[#reply + 1] = 'LOST'
  end
end

local mode = redis.call('HGET', WORKER, 'mode')
if mode then
  redis.call('ZADD', WORKERS, NOW, boot)
  redis.call('HSET', WORKER, 'beat_ms', NOW)
  redis.call('PEXPIRE', WORKER, WORKER_TTL_MS)
  reply[1] = mode
end
return reply
