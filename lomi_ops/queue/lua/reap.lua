-- Takes back what dead workers held; promotes, heals and trims on the way.
--
-- ARGV   2 lease (ms), 3 tick (ms; 0: look always), 4 attempts, 5 retention (ms)
-- Reply  REAPED requeued{} buried{} cancelled{} healed promoted trimmed doubt{} | TICK | SETTLING
-- Invariant  An expired job goes to one place, and its token is void before anybody else can hold it. Nothing is taken
--        back while live workers may not have found this server again. No lock outlives its tick.

also_when_full()
local lease_ms, tick_ms, attempts, retention_ms = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local TRIM = 5000
local WORKER_GONE_MS = 24 * 3600 * 1000
local SAMPLE_MS = 10 * 1000
local DOUBTS = 10
local PLACES = 18 -- of a histogram: one more than BOUNDS_S of domain/tally.py

if tick_ms > 0 and not redis.call('SET', TICK, '1', 'NX', 'PX', tick_ms) then
  return { 'TICK' }
end

-- A restart or a failover shows as another run id. Uptime would not do: loading takes time, and a promoted replica is old.
local info = redis.pcall('INFO', 'server')
local run = type(info) == 'string' and string.match(info, 'run_id:(%w+)') or 'unknown'
local seen_run, since = string.match(redis.call('GET', SERVER) or '', '^(%w+)|(%d+)$')
if seen_run ~= run then
  redis.call('SET', SERVER, run .. '|' .. string.format('%d', NOW))
  since = NOW
end
if NOW < tonumber(since) + lease_ms then
  return { 'SETTLING' }
end

local requeued, buried, cancelled = {}, {}, {}

-- What the holder's own machine knows of its end, if it said so.
local function last_words(slot)
  local known = worker_of(slot)
  local worker = known and redis.call('HMGET', known, 'host', 'pid', 'exit') or {}
  local where = worker[1] and string.format(' on %s, pid %s', worker[1], worker[2] or '?') or ''
  return where .. (worker[3] and ', ' .. worker[3] or '')
end

local function reap(id)
  local job = redis.call('HMGET', JOB .. id, 'state', 'raw', 'attempt', 'slot', 'beat_ms', 'cancel')
  if job[1] ~= 'running' or not job[2] then
    if not job[1] or job[1] == 'running' then
      count('lost')
      event('lost', id, 'running without its element')
    end
    redis.call('ZREM', LEASE, id)
    return
  end
  local story = string.format('its worker went silent: held by %s%s, last beat %.1f s before', job[4] or 'nobody',
    last_words(job[4]), (NOW - (tonumber(job[5]) or NOW)) / 1000)
  if job[6] then
    redis.call('HSET', JOB .. id, 'token', '')
    close_cancelled(id, retention_ms)
    count('withdrawn')
    cancelled[#cancelled + 1] = id
  elseif (tonumber(job[3]) or 0) >= attempts then
    redis.call('HSET', JOB .. id, 'token', '')
    redis.call('HINCRBY', JOB .. id, 'crashes', 1)
    redis.call('ZADD', DOUBT, NOW, id)
    bury(id, 'poison', 'poison_crash', story, 'see what killed the workers (memory?), and its photos: lomi queue show ' .. id)
    buried[#buried + 1] = id
  else
    push_next(id, job[2])
    redis.call('HSET', JOB .. id, 'token', '', 'error_class', 'transient', 'error_code', 'crash', 'error', story)
    redis.call('HINCRBY', JOB .. id, 'crashes', 1)
    requeued[#requeued + 1] = id
    event('ready', id, 'reaped')
  end
  let_go(id)
  count('reaped')
end

for _, id in ipairs(redis.call('ZRANGEBYSCORE', LEASE, '-inf', NOW, 'LIMIT', 0, BATCH)) do
  reap(id)
end

-- The second index heals the first: a running job without a lease gets one that ends now, and a live worker renews it.
local healed = 0
local scan = redis.call('HSCAN', SLOTS, redis.call('HGET', STATS, 'scan') or '0', 'COUNT', BATCH)
for i = 1, #scan[2], 2 do
  local slot, id = scan[2][i], scan[2][i + 1]
  local job = redis.call('HMGET', JOB .. id, 'state', 'slot')
  if job[1] ~= 'running' or job[2] ~= slot then
    redis.call('HDEL', SLOTS, slot)
  elseif not redis.call('ZSCORE', LEASE, id) then
    redis.call('ZADD', LEASE, NOW, id)
    healed = healed + 1
  end
end
if scan[1] == '0' then
  redis.call('HDEL', STATS, 'scan')
else
  redis.call('HSET', STATS, 'scan', scan[1])
end

local promoted = promote()

local old = redis.call('ZCOUNT', DONE, '-inf', NOW - retention_ms)
if old > 0 then
  redis.call('ZREMRANGEBYRANK', DONE, 0, math.min(old, TRIM) - 1)
end
redis.call('ZREMRANGEBYSCORE', WORKERS, '-inf', NOW - WORKER_GONE_MS)

-- The elements that are somewhere on their way, and the counters of those that left: what came in follows from both.
local sampled = redis.call('XREVRANGE', SAMPLES, '+', '-', 'COUNT', 1)[1]
if not sampled or NOW - tonumber(string.match(sampled[1], '^%d+')) >= SAMPLE_MS then
  local ready = redis.call('LLEN', READY) + redis.call('LLEN', HIGH) + redis.call('LLEN', BULK)
  local running = redis.call('ZCARD', LEASE)
  local inside = ready + redis.call('ZCARD', DELAYED) + running
  local n = redis.call('HMGET', STATS, 'finished', 'buried', 'withdrawn', 'tombstones', 'duplicates', 'requeued')
  local writes = {}
  for i = 1, PLACES do
    writes[i] = 't:write:' .. (i - 1)
  end
  writes = redis.call('HMGET', MEASURED, unpack(writes))
  for i = 1, PLACES do
    writes[i] = writes[i] or '0'
  end
  redis.call('XADD', SAMPLES, 'MAXLEN', '~', SAMPLES_MAX, '*', 'inside', inside, 'finished', n[1] or 0, 'buried',
    n[2] or 0, 'withdrawn', n[3] or 0, 'dropped', (tonumber(n[4]) or 0) + (tonumber(n[5]) or 0), 'requeued', n[6] or 0,
    'running', running, 'duplicates', n[5] or 0, 'storage', redis.call('HGET', MEASURED, 'n:failed:objects') or 0,
    'writes', table.concat(writes, ','))
end
local doubt = redis.call('ZRANGE', DOUBT, 0, DOUBTS - 1)
return { 'REAPED', requeued, buried, cancelled, healed, promoted, math.min(old, TRIM), doubt }
