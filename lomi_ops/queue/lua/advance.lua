-- Finishes a job and claims the next one for its slot, in one round trip.
--
-- Runs   finish, claim
-- OWN    as claim has them
-- ARGV   2-7 as finish has them, 8.. as claim has them from 2 on
-- Reply  { reply of finish, reply of claim }
-- Invariant  Both halves keep their own. The same call again answers AGAIN, and hands out the same job: it publishes
--        nothing twice and takes no second job. A finish that is fenced keeps nobody from claiming.

return {
  finish({ unpack(ARGV, 1, 7) }),
  claim({ ARGV[1], unpack(ARGV, 8) }),
}
