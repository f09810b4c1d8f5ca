-- Opens the breaker of an upstream for all machines, and slows everybody down where it asked for that.
--
-- Uses   rate, gates
-- ARGV   2 upstream, 3 out|throttled, 4 for (ms; -1: by the number of failures), 5 reason, 6 claimed (ms): when the job
--        was claimed that met it, 0 for none, 7 chance (0-999, for the jitter), 8 patience (ms; 0: endless)
-- Reply  HELD until_ms | LATE (the job was claimed before the breaker opened last)
-- Invariant  A hold is only ever lengthened; it remembers when the first one of this outage was set. Each opening is
--            longer than the one before, though many jobs may meet the same outage: only one that was claimed after it
--            opened says something new.

also_when_full()
local gate = gates()
local upstream, kind, wish_ms, reason = ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local claimed_ms, chance, patience_ms = tonumber(ARGV[6]), tonumber(ARGV[7]) / 1000, tonumber(ARGV[8])
local FIRST_MS, LONGEST_MS = 2000, 30000
local WISH_MS = 60000 -- then somebody looks again, whatever the other side has asked for

local function usual(failures)
  return math.min(LONGEST_MS, FIRST_MS * 2 ^ math.min(10, failures - 1)) * (1 + chance) / 2
end

local limits = fields(LIMITS)
local opened = tonumber(limits[upstream .. ':opened']) or 0
if claimed_ms > 0 and claimed_ms <= opened then
  return { 'LATE' }
end
local breaker = gate.breaker_of(upstream, redis.call('HGET', HOLDS, upstream), limits)
local open = breaker and not gate.half_open(breaker)
local failures = (breaker and breaker.failures or 0) + (open and 0 or 1)

local for_ms = math.min(WISH_MS, wish_ms)
if for_ms < 0 then
  for_ms = open and 0 or usual(failures)
elseif kind == 'throttled' then
  for_ms = math.max(for_ms * (1 + chance / 10), failures > 1 and not open and usual(failures) or 0)
end
local till = math.max(math.floor(NOW + for_ms), breaker and breaker.till or 0)
local since = breaker and breaker.since or NOW

redis.call('HSET', HOLDS, upstream, string.format('%d|%d|%s', till, since, reason))
redis.call('HSET', LIMITS, upstream .. ':failures', failures, upstream .. ':kind', kind, upstream .. ':patience', patience_ms)
if not open then
  redis.call('HSET', LIMITS, upstream .. ':opened', NOW)
  gate.forget(upstream, { 'probe' })
end
if kind == 'throttled' then
  local limit = gate.limit_of(upstream, limits)
  limit = gate.halved(limit and gate.ripened(limit, NOW), gate.used_rate(limits), NOW, till)
  if limit then
    gate.keep_limit(upstream, limit)
  end
end
event('held', '', upstream)
return { 'HELD', till }
