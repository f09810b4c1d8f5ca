-- Takes the next job for a slot, or adopts the one that the slot holds already.
--
-- OWN    1 seq of the slot, 2 hash of the worker
-- ARGV   2 slot, 3 seq, 4 token, 5 lease (ms), 6 largest element (bytes)
-- Reply  JOB id raw attempt claimed_ms deadline_ms first_seen_ms setbacks crashes first_outage_ms(0) adopted(0|1)
--        EMPTY ms-until-due(-1: nothing waits) | PAUSED ms(-1: no end) reason | LIMITED ms upstream | STALE seq
-- Invariant  A slot holds one job at most. An element leaves the list only after its job has a record that says where it
--        is: running under this token, or dead with the raw bytes; or after it proved to be a copy of a job that has one.
--        A claim that is older than the slot's last one, or has taken a job before, takes nothing.

also_when_full()
local SEQ, WORKER = OWN[1], OWN[2]
local slot, seq, token, lease_ms, max_bytes = ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local SEQ_TTL_MS = 3600 * 1000 -- no abandoned request travels for longer
local STREAK = 8 -- so many high ones in a row, then one normal
local DROPS = 10 -- so many elements at most are cleared away in one call

local function reply_job(id, adopted)
  local job = redis.call('HMGET', JOB .. id, 'raw', 'attempt', 'claimed_ms', 'first_seen_ms', 'setbacks', 'crashes',
    'first_outage_ms')
  local deadline = redis.call('ZSCORE', LEASE, id)
  return { 'JOB', id, job[1], job[2] or 0, job[3] or 0, deadline, job[4] or 0, job[5] or 0, job[6] or 0, job[7] or 0,
    adopted }
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
local hold, longest = '', 0
local gates = redis.call('HGETALL', HOLDS)
for i = 1, #gates, 2 do
  local left = tonumber(string.match(gates[i + 1], '^%d+')) - NOW
  if left > longest then
    hold, longest = gates[i], left
  end
end
if longest > 0 then
  return { 'LIMITED', longest, hold }
end

-- 4. The next element.
promote()

-- The producer's job_id where it can be one, else the digest of the element. wire.identity says the same.
local function identity(raw, sha)
  local readable, job = pcall(cjson.decode, raw)
  if readable and type(job) == 'table' and type(job.job_id) == 'string' and #job.job_id <= 128
    and string.find(job.job_id, '^[%w_.:-]+$') then
    return job.job_id
  end
  return sha
end

local function next_list()
  local high, ready = redis.call('LLEN', HIGH), redis.call('LLEN', READY)
  if high > 0 and (ready == 0 or (tonumber(redis.call('HGET', STATS, 'high_streak')) or 0) < STREAK) then
    return HIGH
  end
  return ready > 0 and READY or nil
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

local function start(list, id, raw, sha)
  redis.call('HSET', JOB .. id, 'raw', raw, 'sha', sha, 'state', 'running', 'token', token, 'slot', slot,
    'claimed_ms', NOW, 'beat_ms', NOW)
  redis.call('HSETNX', JOB .. id, 'first_seen_ms', NOW)
  redis.call('HINCRBY', JOB .. id, 'attempt', 1)
  if list == HIGH then
    redis.call('HSET', JOB .. id, 'priority', 2)
    redis.call('HINCRBY', STATS, 'high_streak', 1)
  else
    redis.call('HDEL', STATS, 'high_streak')
  end
  redis.call('PERSIST', JOB .. id)
  redis.call('ZADD', LEASE, NOW + lease_ms, id)
  redis.call('HSET', SLOTS, slot, id)
  redis.call('SET', SEQ, string.format('%d+', seq), 'PX', SEQ_TTL_MS)
  redis.call('RPOP', list)
  count('claimed')
  event('running', id, slot)
  return reply_job(id, 0)
end

for _ = 1, DROPS do
  local list = next_list()
  if not list then
    local due = redis.call('ZRANGE', DELAYED, 0, 0, 'WITHSCORES')[2]
    return { 'EMPTY', due and math.max(1, tonumber(due) - NOW) or -1 }
  end
  local raw = redis.call('LINDEX', list, -1)
  local sha = redis.sha1hex(raw)
  if #raw > max_bytes then
    quarantine(list, sha, raw, sha, 'too_large', string.format('the element has %d bytes, the limit is %d', #raw, max_bytes))
  else
    local id = identity(raw, sha)
    local known = redis.call('HMGET', JOB .. id, 'state', 'sha')
    if known[2] and known[2] ~= sha then
      quarantine(list, id .. '~' .. sha, raw, sha, 'id_reused', 'job ' .. id .. ' is known with other content')
    else
      local original = copy_of(id, known[1])
      if not original then
        return start(list, id, raw, sha)
      end
      redis.call('RPOP', list)
      count(original == 'cancelled' and 'tombstones' or 'duplicates')
      event('dropped', id, 'it is ' .. original .. ' already')
    end
  end
end
return { 'EMPTY', 0 }
