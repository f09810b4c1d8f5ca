-- What every transition shares. It comes first in each script.
--
-- KEYS 1-21  ready high delayed lease slots dead done unsent results events paused holds workers stats tick server
--            bulk limits doubt samples ops; what stands behind them is the script's own, `OWN`
-- ARGV 1     prefix of the job hashes: the same cluster slot as the keys, by the tag in braces
--
-- Rules: the time is the server's. Read and validate first; write the new place before the old one is removed, for an
-- error in the middle undoes nothing, and a job in two places is fenced while a job in none is lost. Every loop is
-- bounded. JSON is read, never written: cjson makes doubles of int64 and objects of empty arrays.

local READY, HIGH, DELAYED, LEASE, SLOTS = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local DEAD, DONE, UNSENT, RESULTS, EVENTS = KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10]
local PAUSED, HOLDS, WORKERS, STATS, TICK, SERVER = KEYS[11], KEYS[12], KEYS[13], KEYS[14], KEYS[15], KEYS[16]
local BULK, LIMITS, DOUBT, SAMPLES, OPS = KEYS[17], KEYS[18], KEYS[19], KEYS[20], KEYS[21]
local OWN = { unpack(KEYS, 22) }
local JOB = ARGV[1]
local BATCH = 100
local READY_TTL_MS = 7 * 24 * 3600 * 1000 -- a hash that waits in the list: an old consumer may have taken the element
local EVENTS_MAX, RESULTS_MAX = 20000, 5000

local clock = redis.call('TIME')
local NOW = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)

-- A full server (OOM) refuses the first write of a script if it might need memory, and no later one. What brings jobs
-- forward frees memory in the end, so it opens with a write that needs none and changes nothing; what only adds does not.
-- Redis 6.2 does not know `allow-oom`.
local function also_when_full()
  redis.call('HDEL', STATS, '')
end

local function count(name, by)
  redis.call('HINCRBY', STATS, name, by or 1)
end

local function event(what, id, note)
  redis.call('XADD', EVENTS, 'MAXLEN', '~', EVENTS_MAX, '*', 'event', what, 'job_id', id, 'note', note or '')
end

-- Is it running, and under this token?
local function holds(id, token)
  local job = redis.call('HMGET', JOB .. id, 'state', 'token')
  return job[1] == 'running' and job[2] == token and token ~= ''
end

-- The last step of leaving `running`: the new place is written already.
local function let_go(id)
  redis.call('ZREM', LEASE, id)
  local slot = redis.call('HGET', JOB .. id, 'slot')
  if slot and redis.call('HGET', SLOTS, slot) == id then
    redis.call('HDEL', SLOTS, slot)
  end
end

-- To the consume end. High priority only goes ahead when somebody could be ahead of it: idle workers watch `ready`.
local function push_next(id, raw)
  local high = redis.call('HGET', JOB .. id, 'priority') == '2' and redis.call('EXISTS', READY) == 1
  redis.call('RPUSH', high and HIGH or READY, raw)
  redis.call('HSET', JOB .. id, 'state', 'ready')
  redis.call('PEXPIRE', JOB .. id, READY_TTL_MS)
end

local function bury(id, class, code, said, hint)
  redis.call('ZADD', DEAD, NOW, id)
  redis.call('HSET', JOB .. id, 'state', 'dead', 'dead_ms', NOW, 'error_class', class, 'error_code', code,
    'error', said, 'hint', hint)
  redis.call('PERSIST', JOB .. id)
  count('buried')
  event('dead', id, code)
end

local function close_cancelled(id, retention_ms)
  redis.call('ZADD', DONE, NOW, id)
  redis.call('HSET', JOB .. id, 'state', 'cancelled')
  redis.call('HDEL', JOB .. id, 'raw')
  redis.call('PEXPIRE', JOB .. id, retention_ms)
  count('cancelled')
  event('cancelled', id)
end

-- Publishes a message; how many heard it. What nobody heard is kept for the relay.
local function speak(id, channel, payload, retention_ms)
  -- An ACL may forbid the channel: that must not undo the rest.
  local heard = redis.pcall('PUBLISH', channel, payload)
  local receivers = type(heard) == 'number' and heard or 0
  if receivers == 0 then
    redis.call('HSET', JOB .. id, 'payload', payload)
    redis.call('PEXPIRE', JOB .. id, math.max(retention_ms, READY_TTL_MS))
    redis.call('ZADD', UNSENT, NOW, id)
    count('unheard')
  else
    redis.call('HSET', JOB .. id, 'receivers', receivers)
  end
  return receivers
end

-- Delayed jobs that are due, the earliest one at the very end of the list; how many.
local function promote()
  local due = redis.call('ZRANGEBYSCORE', DELAYED, '-inf', NOW, 'LIMIT', 0, BATCH)
  for i = #due, 1, -1 do
    local id = due[i]
    local job = redis.call('HMGET', JOB .. id, 'state', 'raw')
    if job[1] == 'delayed' and job[2] then
      push_next(id, job[2])
      event('ready', id)
    elseif not job[1] or job[1] == 'delayed' then
      count('lost')
      event('lost', id, 'delayed without a record')
    end
    redis.call('ZREM', DELAYED, id)
  end
  return #due
end
