-- What every transition shares. It comes first in each script.
--
-- KEYS 1-23  ready high delayed lease slots dead done unsent results events paused holds workers stats tick server
--            bulk limits doubt samples ops ended measured; what stands behind them is the script's own, `OWN`
-- ARGV 1     prefix of the job hashes: the same cluster slot as the keys, by the tag in braces
--
-- Rules: the time is the server's. Read and validate first; write the new place before the old one is removed, for an
-- error in the middle undoes nothing, and a job in two places is fenced while a job in none is lost. Every loop is
-- bounded. JSON is read, never written: cjson makes doubles of int64 and objects of empty arrays.

local READY, HIGH, DELAYED, LEASE, SLOTS = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local DEAD, DONE, UNSENT, RESULTS, EVENTS = KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10]
local PAUSED, HOLDS, WORKERS, STATS, TICK, SERVER = KEYS[11], KEYS[12], KEYS[13], KEYS[14], KEYS[15], KEYS[16]
local BULK, LIMITS, DOUBT, SAMPLES, OPS = KEYS[17], KEYS[18], KEYS[19], KEYS[20], KEYS[21]
local ENDED, MEASURED = KEYS[22], KEYS[23]
local OWN = { unpack(KEYS, 24) }
local JOB = ARGV[1]
local BATCH = 100
local READY_TTL_MS = 7 * 24 * 3600 * 1000 -- a hash that waits in the list: an old consumer may have taken the element
local EVENTS_MAX, RESULTS_MAX, ENDED_MAX, SAMPLES_MAX = 20000, 5000, 50000, 400
local READABLE = 256 * 1024 -- bytes: a larger element is not decoded for its story

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

-- Of these the ledger hears nothing: they wait in `ended` until a worker has written them into Postgres.
local UNSETTLED = { dead = true, cancelled = true, lost = true, purged = true }
local BACK = { requeued = true, undone = true }

local function tell(what, id, note)
  local job = redis.call('HMGET', JOB .. id, 'slot', 'attempt', 'first_seen_ms', 'claimed_ms', 'error_class', 'error')
  local size, user, batch, photos = redis.call('HSTRLEN', JOB .. id, 'raw'), '', '', 0
  if size > 0 and size <= READABLE then
    local readable, body = pcall(cjson.decode, redis.call('HGET', JOB .. id, 'raw'))
    if readable and type(body) == 'table' then
      user = type(body.user_id) == 'string' and body.user_id or ''
      batch = type(body.batch_id) == 'string' and body.batch_id or ''
      photos = type(body.photos) == 'table' and #body.photos or 0
    end
  end
  redis.call('XADD', ENDED, 'MAXLEN', '~', ENDED_MAX, '*', 'what', what, 'job_id', id, 'at', NOW, 'note', note or '',
    'slot', job[1] or '', 'attempt', job[2] or 0, 'first_seen', job[3] or 0, 'claimed', job[4] or 0,
    'class', job[5] or '', 'error', job[6] or '', 'user', user, 'batch', batch, 'photos', photos)
end

local function event(what, id, note)
  redis.call('XADD', EVENTS, 'MAXLEN', '~', EVENTS_MAX, '*', 'event', what, 'job_id', id, 'note', note or '')
  if UNSETTLED[what] or BACK[note] then
    tell(UNSETTLED[what] and what or note, id, note)
  end
end

-- Is it running, and under this token?
local function holds(id, token)
  local job = redis.call('HMGET', JOB .. id, 'state', 'token')
  return job[1] == 'running' and job[2] == token and token ~= ''
end

-- The last step of leaving `running`: the new place is written already. Which slot held it.
local function let_go(id)
  redis.call('ZREM', LEASE, id)
  local slot = redis.call('HGET', JOB .. id, 'slot')
  if slot and redis.call('HGET', SLOTS, slot) == id then
    redis.call('HDEL', SLOTS, slot)
  end
  return slot
end

-- The registration of the worker that a slot belongs to.
local function worker_of(slot)
  local boot = string.match(slot or '', '^[^/]+')
  return boot and string.gsub(JOB, 'job:$', 'worker:') .. boot
end

-- Counts for the worker that held it, as long as that is registered. One of an earlier version has no such field, and gets
-- none: what it does itself is not counted, so its number would be untrue.
local function credit(slot, name)
  local worker = worker_of(slot)
  if worker and redis.call('HEXISTS', worker, name) == 1 then
    return redis.call('HINCRBY', worker, name, 1) and worker
  end
  return nil
end

-- The list that an element of this priority (0 bulk, 1 normal, 2 high) waits in. Idle workers watch `ready` alone, so it
-- gets whatever has nobody to go ahead of, or nobody to yield to.
local function list_for(priority)
  if priority == '2' and redis.call('EXISTS', READY) == 1 then
    return HIGH
  elseif priority == '0' and redis.call('EXISTS', READY, HIGH, BULK) > 0 then
    return BULK
  end
  return READY
end

-- Writes that a job is in this list. Old consumers take from `ready` and leave the record behind, so there it expires.
local function note_ready(id, list)
  redis.call('HSET', JOB .. id, 'state', 'ready')
  if list == BULK then
    redis.call('PERSIST', JOB .. id)
  else
    redis.call('PEXPIRE', JOB .. id, READY_TTL_MS)
  end
end

-- To the consume end.
local function push_next(id, raw)
  local list = list_for(redis.call('HGET', JOB .. id, 'priority'))
  redis.call('RPUSH', list, raw)
  note_ready(id, list)
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
  count('cancelled')
  event('cancelled', id)
  if redis.call('HEXISTS', JOB .. id, 'op_was') == 1 then
    retention_ms = math.max(retention_ms, READY_TTL_MS) -- it may be undone
  else
    redis.call('HDEL', JOB .. id, 'raw')
  end
  redis.call('PEXPIRE', JOB .. id, retention_ms)
end

-- Publishes a message; how many heard it. What nobody heard is kept for the relay, and so is what has to stay `behind`
-- others that wait there.
local function speak(id, channel, payload, retention_ms, behind)
  -- An ACL may forbid the channel: that must not undo the rest.
  local heard = not behind and redis.pcall('PUBLISH', channel, payload)
  local receivers = type(heard) == 'number' and heard or 0
  if receivers == 0 then
    redis.call('HSET', JOB .. id, 'payload', payload)
    redis.call('PEXPIRE', JOB .. id, math.max(retention_ms, READY_TTL_MS))
    local last = behind and redis.call('ZRANGE', UNSENT, -1, -1, 'WITHSCORES')[2] or 0
    redis.call('ZADD', UNSENT, math.max(NOW, last + 1), id)
    if not behind then
      count('unheard')
    end
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
