-- Takes the next job for a slot, or adopts the one that the slot holds already.
--
-- Uses   rate, gates
-- OWN    1 seq of the slot, 2 hash of the worker
-- ARGV   2 slot, 3 seq, 4 token, 5 lease (ms), 6 largest element (bytes)
-- Reply  JOB id raw attempt claimed_ms deadline_ms first_seen_ms setbacks crashes first_outage_ms(0) adopted(0|1)
--        breakers(upstream since_ms ...: those that it was let through, or claimed before)
--        EMPTY ms-until-due(-1: nothing waits) | PAUSED ms(-1: no end) reason | LIMITED ms upstream | STALE seq
-- Invariant  A slot holds one job at most. An element leaves the list only after its job has a record that says where it
--        is: running under this token, or dead with the raw bytes; or after it proved to be a copy of a job that has one.
--        A claim that is older than the slot's last one, or has taken a job before, takes nothing.

also_when_full()
local SEQ, WORKER = OWN[1], OWN[2]
local slot, seq, token, lease_ms, max_bytes = ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local SEQ_TTL_MS = 3600 * 1000 -- no abandoned request travels for longer
local STREAK = 8 -- so many high ones in a row, then one normal
local YIELDS = 50 -- so many others overtake the next bulk element, then it is its turn
local DROPS = 10 -- so many elements at most are cleared away in one call
local MOST_PHOTOS = 9

local holds_now = fields(HOLDS) -- upstream by name, while its breaker is not closed
local limits = fields(LIMITS)

local function reply_job(id, adopted)
  local job = redis.call('HMGET', JOB .. id, 'raw', 'attempt', 'claimed_ms', 'first_seen_ms', 'setbacks', 'crashes',
    'first_outage_ms')
  local deadline = redis.call('ZSCORE', LEASE, id)
  local breakers = {}
  for upstream, value in pairs(holds_now) do
    local breaker = gates().breaker_of(upstream, value, limits)
    if breaker then
      breakers[#breakers + 1] = upstream
      breakers[#breakers + 1] = breaker.since
    end
  end
  return { 'JOB', id, job[1], job[2] or 0, job[3] or 0, deadline, job[4] or 0, job[5] or 0, job[6] or 0, job[7] or 0,
    adopted, breakers }
end

-- 1. Is this claim the slot's latest?
local seen = redis.call('GET', SEQ) or ''
local last, taken = tonumber(string.match(seen, '^%d+')) or -1, string.sub(seen, -1) == '+'
if seq < last then
  return { 'STALE', last }
end

-- 2. Does the slot hold a job? Then a reply was lost.
local held = redis.call('HGET', SLOTS, slot)
if held then
  local job = redis.call('HMGET', JOB .. held, 'state', 'slot', 'raw')
  if job[1] == 'running' and job[2] == slot and job[3] then
    redis.call('HSET', JOB .. held, 'token', token, 'beat_ms', NOW)
    redis.call('ZADD', LEASE, NOW + lease_ms, held)
    redis.call('SET', SEQ, string.format('%d+', seq), 'PX', SEQ_TTL_MS)
    count('adopted')
    event('adopted', held, slot)
    return reply_job(held, 1)
  end
  redis.call('HDEL', SLOTS, slot)
end
if seq == last and taken then
  return { 'STALE', last }
end
redis.call('SET', SEQ, string.format('%d', seq), 'PX', SEQ_TTL_MS)

-- 3. May anybody claim now?
local pause = redis.call('HMGET', PAUSED, 'since', 'until', 'reason')
if pause[1] then
  local till = tonumber(pause[2])
  if not till then
    return { 'PAUSED', -1, pause[3] or '' }
  elseif till > NOW then
    return { 'PAUSED', till - NOW, pause[3] or '' }
  end
  redis.call('DEL', PAUSED)
end
local mode = redis.call('HGET', WORKER, 'mode')
if mode and mode ~= 'running' then
  return { 'PAUSED', -1, 'worker is ' .. mode }
end
local gate = (next(holds_now) or limited(limits)) and gates()
local hold, longest = '', 0
local probed, passing, rated = {}, {}, {}
for upstream, value in pairs(holds_now) do
  local breaker = gate.breaker_of(upstream, value, limits)
  if breaker then
    local wait = gate.breaker_wait(breaker)
    if wait > longest then
      hold, longest = upstream, wait
    end
    if gate.overdue(breaker) then
      passing[upstream] = true
    elseif not gate.by_rate(breaker) then
      probed[#probed + 1] = upstream
    end
  end
end
for name in pairs(gate and limits or {}) do
  local upstream = string.match(name, '^(.*):rate$')
  if upstream then
    local limit = gate.ripened(gate.limit_of(upstream, limits), NOW)
    if gate.unneeded(limit, NOW) then
      gate.forget(upstream, gate.RATE)
    else
      rated[upstream] = limit
      if gate.wait_ms(limit) > longest and not passing[upstream] then
        hold, longest = upstream, gate.wait_ms(limit)
        limit.bit = NOW
        gate.keep_limit(upstream, limit)
      end
    end
  end
end
if longest > 0 then
  return { 'LIMITED', math.floor(longest), hold }
end

-- The job is on its way: it pays for its photos, and is the probe of what is half open.
local function pay(id, photos)
  note_taken(limits, photos)
  for upstream, limit in pairs(rated) do
    limit.tokens = limit.tokens - photos
    gate.keep_limit(upstream, limit)
  end
  for _, upstream in ipairs(probed) do
    redis.call('HSET', LIMITS, upstream .. ':probe', string.format('%s|%s|%d', id, slot, NOW + gate.PROBE_MS))
  end
  for upstream in pairs(passing) do
    redis.call('HSET', LIMITS, upstream .. ':passed', NOW)
  end
end

-- 4. The next element.
promote()

-- The producer's job_id where it can be one, else the digest of the element; wire.identity says the same. And how many
-- photos it has, 1 where it does not say.
local function identity(raw, sha)
  local readable, job = pcall(cjson.decode, raw)
  if not readable or type(job) ~= 'table' then
    return sha, 1
  end
  local photos = type(job.photos) == 'table' and math.max(1, math.min(MOST_PHOTOS, #job.photos)) or 1
  if type(job.job_id) == 'string' and #job.job_id <= 128 and string.find(job.job_id, '^[%w_.:-]+$') then
    return job.job_id, photos
  end
  return sha, photos
end

local function next_list()
  local high, ready, bulk = redis.call('LLEN', HIGH), redis.call('LLEN', READY), redis.call('LLEN', BULK)
  if bulk > 0 and (high + ready == 0 or (tonumber(redis.call('HGET', STATS, 'bulk_yields')) or 0) >= YIELDS) then
    return BULK, bulk
  elseif high > 0 and (ready == 0 or (tonumber(redis.call('HGET', STATS, 'high_streak')) or 0) < STREAK) then
    return HIGH, bulk
  end
  return ready > 0 and READY or nil, bulk
end

-- Why the element must not run, or nil.
local function copy_of(id, state)
  if state == 'done' or state == 'cancelled' or state == 'dead' then
    return state
  elseif state == 'delayed' and redis.call('ZSCORE', DELAYED, id) then
    return state
  elseif state == 'running' then
    local holder = redis.call('HGET', JOB .. id, 'slot')
    if redis.call('ZSCORE', LEASE, id) or (holder and redis.call('HGET', SLOTS, holder) == id) then
      return state
    end
  end
  return nil
end

-- The element becomes a dead letter under `id`, unless an equal one is there already.
local function quarantine(list, id, raw, sha, code, said)
  if redis.call('HGET', JOB .. id, 'state') ~= 'dead' then
    redis.call('HSET', JOB .. id, 'raw', raw, 'sha', sha)
    redis.call('HSETNX', JOB .. id, 'first_seen_ms', NOW)
    bury(id, 'poison', code, said, 'lomi queue show ' .. id)
  else
    count('duplicates')
  end
  redis.call('RPOP', list)
end

local function start(list, bulk, id, raw, sha, photos, op_was)
  redis.call('HSET', JOB .. id, 'raw', raw, 'sha', sha, 'state', 'running', 'token', token, 'slot', slot,
    'claimed_ms', NOW, 'beat_ms', NOW)
  if op_was then -- it moves on: an undo must not find it again when it waits once more
    redis.call('HDEL', JOB .. id, 'op_was')
  end
  redis.call('HSETNX', JOB .. id, 'first_seen_ms', NOW)
  redis.call('HINCRBY', JOB .. id, 'attempt', 1)
  if list == HIGH then
    redis.call('HSET', JOB .. id, 'priority', 2)
    redis.call('HINCRBY', STATS, 'high_streak', 1)
  else
    redis.call('HDEL', STATS, 'high_streak')
  end
  if list == BULK then
    redis.call('HSET', JOB .. id, 'priority', 0)
    redis.call('HDEL', STATS, 'bulk_yields')
  elseif bulk > 0 then
    redis.call('HINCRBY', STATS, 'bulk_yields', 1)
  end
  redis.call('PERSIST', JOB .. id)
  redis.call('ZADD', LEASE, NOW + lease_ms, id)
  redis.call('HSET', SLOTS, slot, id)
  redis.call('SET', SEQ, string.format('%d+', seq), 'PX', SEQ_TTL_MS)
  redis.call('RPOP', list)
  pay(id, photos)
  count('claimed')
  event('running', id, slot)
  return reply_job(id, 0)
end

for _ = 1, DROPS do
  local list, bulk = next_list()
  if not list then
    local due = redis.call('ZRANGE', DELAYED, 0, 0, 'WITHSCORES')[2]
    return { 'EMPTY', due and math.max(1, tonumber(due) - NOW) or -1 }
  end
  local raw = redis.call('LINDEX', list, -1)
  local sha = redis.sha1hex(raw)
  if #raw > max_bytes then
    quarantine(list, sha, raw, sha, 'too_large', string.format('the element has %d bytes, the limit is %d', #raw, max_bytes))
  else
    local id, photos = identity(raw, sha)
    local known = redis.call('HMGET', JOB .. id, 'state', 'sha', 'op_was')
    if known[2] and known[2] ~= sha then
      quarantine(list, id .. '~' .. sha, raw, sha, 'id_reused', 'job ' .. id .. ' is known with other content')
    else
      local original = copy_of(id, known[1])
      if not original then
        return start(list, bulk, id, raw, sha, photos, known[3])
      end
      if original == 'cancelled' and redis.call('HEXISTS', JOB .. id, 'op_was') == 1 then
        redis.call('HSET', JOB .. id, 'raw', raw, 'sha', sha, 'op_dropped', 1) -- an undo has to put it back
      end
      redis.call('RPOP', list)
      count(original == 'cancelled' and 'tombstones' or 'duplicates')
      event('dropped', id, 'it is ' .. original .. ' already')
    end
  end
end
return { 'EMPTY', 0 }
