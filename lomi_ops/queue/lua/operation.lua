-- What the scripts of an operation share: what is kept of a job before it is touched, and how a step ends.
--
-- A record's `op_was` is `state|` and the FIELDS, with `kept` at the end where the record had no life time.
-- Invariant  What `recalled` gives of what `remembered` gave is what the record had.

local FIELDS = { 'attempt', 'crashes', 'setbacks', 'dead_ms', 'due_ms', 'first_outage_ms', 'priority' }

local function remembered(id)
  local known, parts = redis.call('HMGET', JOB .. id, 'state', unpack(FIELDS)), {}
  for i = 1, #FIELDS + 1 do
    parts[i] = known[i] or ''
  end
  parts[#parts + 1] = redis.call('PTTL', JOB .. id) == -1 and 'kept' or ''
  return table.concat(parts, '|')
end

local function recalled(text)
  local was, names, at = {}, { 'state', unpack(FIELDS) }, 0
  names[#names + 1] = 'kept'
  for part in string.gmatch(text .. '|', '([^|]*)|') do
    at = at + 1
    was[names[at]] = part ~= '' and part or nil
  end
  return was
end

local function restore(id, was)
  for _, field in ipairs(FIELDS) do
    if was[field] then
      redis.call('HSET', JOB .. id, field, was[field])
    else
      redis.call('HDEL', JOB .. id, field)
    end
  end
end

-- The reply of a step: how many ids are left in its list, and the two counts of this direction.
local function progress(op_key, list, done, others)
  local known = redis.call('HMGET', op_key, 'state', done, others)
  return { known[1] or 'missing', redis.call('LLEN', list), known[2] or 0, known[3] or 0 }
end

-- The last thing of a step. With an empty list the operation is `over`; until then all of it is kept as long as wanted.
local function close_step(op_key, list, op, over, keep_ms)
  if redis.call('EXISTS', list) == 0 then
    redis.call('HSET', op_key, 'state', over, 'ended_ms', NOW)
    event('operation', '', op .. ' ' .. over)
  else
    redis.call('PEXPIRE', list, keep_ms)
  end
  redis.call('PEXPIRE', op_key, keep_ms)
end
