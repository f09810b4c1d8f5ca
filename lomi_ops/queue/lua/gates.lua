-- What stands before all claims: one circuit breaker and one adaptive rate per upstream, shared by all machines.
--
-- `holds`   by upstream `until|since|reason`. Its entry is the open or half-open breaker; workers of older versions read
--           this much, and wait until then.
-- `limits`  NAME:FIELD. Of a breaker: failures, kind (out, throttled), opened, patience (ms after which people get the
--           photos; 0: never), probe (`id|slot|until`), passed. Of a rate: those of rate.lua. And, for all, what was
--           claimed: photos in this window of WINDOW_MS and in the one before, taken:N.
-- Invariant  An open breaker lets nobody through, a half-open one a single job, of all machines; one that was opened
--           because of too many calls lets through what the rate allows. Past its patience a breaker lets one job pass
--           every PASS_MS, so that those that wait are handed to people.

local WINDOW_MS = 2000

local function fields(key)
  local flat, found = redis.call('HGETALL', key), {}
  for i = 1, #flat, 2 do
    found[flat[i]] = flat[i + 1]
  end
  return found
end

-- Counts what is claimed; of the windows before the last one nothing is kept.
local function note_taken(limits, photos)
  local window = math.floor(NOW / WINDOW_MS)
  if redis.call('HINCRBY', LIMITS, 'taken:' .. window, photos) == photos then
    for name in pairs(limits) do
      local old = tonumber(string.match(name, '^taken:(%d+)$'))
      if old and old < window - 1 then
        redis.call('HDEL', LIMITS, name)
      end
    end
  end
end

-- Has any upstream a rate?
local function limited(limits)
  for name in pairs(limits) do
    if string.sub(name, -5) == ':rate' then
      return true
    end
  end
  return false
end

-- The rest is only made where something is limited: most claims meet nothing.
local function gates()
  local rate = rates()
  local OUTAGE_FORGET_MS = 15 * 60 * 1000 -- a breaker that nobody has tried for so long says nothing about today
  local PROBE_MS = 60 * 1000 -- a probe that takes longer is not waited for
  local PROBE_POLL_MS = 500
  local PASS_MS = 250
  local RATE = { 'rate', 'ceiling', 'tokens', 'at', 'grown', 'cut', 'bit' }
  local BREAKER = { 'failures', 'kind', 'patience', 'probe', 'passed' } -- `opened` outlives them: it tells what came late

  -- The breaker of an upstream, or nil while it is closed.
  local function breaker_of(upstream, value, limits)
    local till, since, reason = string.match(value or '', '^(%d+)|(%d+)|(.*)$')
    if not till then
      return nil
    end
    local function known(name)
      return limits[upstream .. ':' .. name]
    end
    local found = { upstream = upstream, till = tonumber(till), since = tonumber(since), reason = reason,
      failures = tonumber(known('failures')) or 1, kind = known('kind') or 'out',
      opened = tonumber(known('opened')) or 0,
      patience = tonumber(known('patience')) or 0, passed = tonumber(known('passed')) or 0 }
    if found.till < NOW - OUTAGE_FORGET_MS then
      found.since, found.failures = NOW, 0
    end
    found.probe_id, found.probe_slot, found.probe_till = string.match(known('probe') or '', '^(.*)|(.*)|(%d+)$')
    return found
  end

  local function half_open(breaker)
    return breaker.till <= NOW
  end

  -- Past its patience: people get the photos that wait.
  local function overdue(breaker)
    return breaker.patience > 0 and NOW - breaker.since > breaker.patience
  end

  -- Does the rate decide who is let through, and not a single probe? It answered when it throttled us, so it is there.
  local function by_rate(breaker)
    return breaker.kind == 'throttled' and breaker.failures <= 1
  end

  -- Until somebody may try; 0 for now.
  local function breaker_wait(breaker)
    if overdue(breaker) then
      return math.max(0, breaker.passed + PASS_MS - NOW)
    elseif not half_open(breaker) then
      return breaker.till - NOW
    elseif by_rate(breaker) or not breaker.probe_id or tonumber(breaker.probe_till) <= NOW then
      return 0
    end
    local job = redis.call('HMGET', JOB .. breaker.probe_id, 'state', 'slot')
    local out = job[1] == 'running' and job[2] == breaker.probe_slot
    return out and math.min(PROBE_POLL_MS, tonumber(breaker.probe_till) - NOW) or 0
  end

  -- The limit of an upstream, or nil.
  local function limit_of(upstream, limits)
    if not limits[upstream .. ':rate'] then
      return nil
    end
    local limit = {}
    for _, name in ipairs(RATE) do
      limit[name] = tonumber(limits[upstream .. ':' .. name]) or 0
    end
    return limit
  end

  local function keep_limit(upstream, limit)
    local pairs_of = {}
    for _, name in ipairs(RATE) do
      pairs_of[#pairs_of + 1] = upstream .. ':' .. name
      pairs_of[#pairs_of + 1] = string.format('%.6f', limit[name])
    end
    redis.call('HSET', LIMITS, unpack(pairs_of))
  end

  local function forget(upstream, names)
    local gone = {}
    for i, name in ipairs(names) do
      gone[i] = upstream .. ':' .. name
    end
    return redis.call('HDEL', LIMITS, unpack(gone))
  end

  -- Photos per second that were claimed lately: in the last whole window, or in this one if that is more.
  local function used_rate(limits)
    local window = math.floor(NOW / WINDOW_MS)
    local now = (tonumber(limits['taken:' .. window]) or 0) * 1000 / math.max(1000, NOW - window * WINDOW_MS)
    return math.max(now, (tonumber(limits['taken:' .. window - 1]) or 0) * 1000 / WINDOW_MS)
  end

  return { RATE = RATE, BREAKER = BREAKER, PROBE_MS = PROBE_MS, breaker_of = breaker_of, half_open = half_open,
    overdue = overdue, by_rate = by_rate, breaker_wait = breaker_wait, limit_of = limit_of, keep_limit = keep_limit,
    forget = forget, used_rate = used_rate, ripened = rate.ripened, wait_ms = rate.wait_ms, unneeded = rate.unneeded,
    halved = rate.halved }
end
