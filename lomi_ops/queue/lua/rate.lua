-- The arithmetic of an adaptive rate: how many photos per second an upstream bears, learnt from when it asks to slow down.
--
-- A limit has `rate` and `ceiling` (photos per second; the ceiling is the rate at which it was cut last), `tokens`, and
-- times in ms: `at` (tokens counted), `grown` (rate raised), `cut` (rate halved), `bit` (a claim was refused).
-- Invariant  No Redis, no clock: what comes out depends on what goes in alone. Every loop ends after 100 rounds.

local function rates()
  local CUT = 0.5
  local FLOOR, CAP = 0.1, 100000 -- photos per second
  local BURST_S = 0.1 -- so much may be saved up, for claims do not come at the very millisecond
  local CUT_MS = 1000 -- between two cuts
  local FORGET_MS = 60000 -- a limit that has refused nobody for so long is well above what is used
  local BINDING_MS = 3000 -- a limit that refused somebody so lately is what held the rate down

  -- The rate after one clean second: fast back to where it was cut, slowly past it, and faster again beyond, since the
  -- quota must have grown. Five per cent all the way would run into it every few seconds and wait there for its pardon.
  local function risen(rate, ceiling)
    if rate < 0.9 * ceiling then
      return rate + (0.95 * ceiling - rate) / 2
    elseif rate < 1.1 * ceiling then
      return math.min(CAP, rate + 0.005 * ceiling)
    end
    return math.min(CAP, rate * 1.05)
  end

  -- The limit as it is `now`: raised for each clean second, tokens counted. Tokens may be a debt: a job is let through
  -- when there is one, and then pays for all its photos.
  local function ripened(limit, now)
    local rate, grown = limit.rate, limit.grown
    local clean = math.max(0, math.min(100, math.floor((now - grown) / 1000)))
    for _ = 1, clean do
      rate = risen(rate, limit.ceiling)
    end
    if now - grown >= 1000 then
      grown = clean < 100 and grown + clean * 1000 or now
    end
    local saved = limit.tokens + rate * math.max(0, now - limit.at) / 1000
    return { rate = rate, ceiling = limit.ceiling, tokens = math.min(math.max(1, rate * BURST_S), saved),
      at = math.max(now, limit.at), grown = grown, cut = limit.cut, bit = limit.bit }
  end

  -- Until the next job may go; 0 for now.
  local function wait_ms(limit)
    return limit.tokens >= 1 and 0 or math.ceil((1 - limit.tokens) / limit.rate * 1000)
  end

  local function unneeded(limit, now)
    return limit.rate >= limit.ceiling and now - math.max(limit.bit, limit.cut) > FORGET_MS
  end

  -- The limit after the upstream asked to slow down, until `till`. `used` is the rate that was seen, for the first cut
  -- and for a limit that bound nobody; nil where it was cut just now.
  local function halved(limit, used, now, till)
    if limit and now - limit.cut < CUT_MS then
      return nil
    end
    local ceiling = used
    if limit then
      ceiling = now - limit.bit < BINDING_MS and limit.rate or math.min(limit.rate, used)
    end
    ceiling = math.max(FLOOR / CUT, ceiling)
    return { rate = ceiling * CUT, ceiling = ceiling, tokens = math.min(0, limit and limit.tokens or 0), at = till,
      grown = till, cut = now, bit = now }
  end

  return { ripened = ripened, wait_ms = wait_ms, unneeded = unneeded, halved = halved }
end
