-- Writes down what a look of autoscaling came to, or the change that it is about to make.
--
-- OWN    1 lease of the autoscaler, 2 hash of what it remembers, 3 stream of its journal
-- ARGV   2 token of the lease, 3 name of this note, 4 what to remember, 5 life (ms), 6 entry of the journal ('' none),
--        7 seen (ms): when the numbers were taken, 0 for a note that begins nothing, 8 oldest that they may be (ms)
-- Reply  NOTED | LOST (the lease is not ours) | LATE age (ms)
-- Invariant  Only the holder of the lease writes. A note that is sent again is written once. No change is begun on
--            numbers that are older than allowed, by the server's clock.

also_when_full()
local JOURNAL_MAX = 1000
local seen, oldest = tonumber(ARGV[7]), tonumber(ARGV[8])
if redis.call('HGET', OWN[1], 'token') ~= ARGV[2] then
  return { 'LOST' }
end
if redis.call('HGET', OWN[2], 'note') == ARGV[3] then
  return { 'NOTED' }
end
if seen > 0 and (NOW - seen > oldest or seen > NOW) then
  return { 'LATE', NOW - seen }
end
if ARGV[6] ~= '' then
  redis.call('XADD', OWN[3], 'MAXLEN', '~', JOURNAL_MAX, '*', 'entry', ARGV[6])
end
redis.call('HSET', OWN[2], 'note', ARGV[3], 'state', ARGV[4])
redis.call('PEXPIRE', OWN[2], tonumber(ARGV[5]))
return { 'NOTED' }
