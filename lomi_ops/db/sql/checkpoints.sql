-- Photos of a job in hand: what is finished, and what killed its judging process.

-- name: checkpoint_save
-- Keeps the decision on one photo until its job is settled.
-- in job_id: text
-- in media_id: uuid
-- in decision: jsonb
-- in at: timestamptz
-- out nothing
INSERT INTO lomi.checkpoints (job_id, media_id, decision, at)
VALUES (%(job_id)s, %(media_id)s, %(decision)s, %(at)s)
ON CONFLICT (job_id, media_id) DO UPDATE SET decision = excluded.decision, at = excluded.at;

-- name: checkpoint_crash
-- Counts a judging process that died over a photo.
-- in job_id: text
-- in media_id: uuid
-- in at: timestamptz
-- out crashes
INSERT INTO lomi.checkpoints AS c (job_id, media_id, crashes, at)
VALUES (%(job_id)s, %(media_id)s, 1, %(at)s)
ON CONFLICT (job_id, media_id) DO UPDATE SET crashes = c.crashes + 1, at = excluded.at
RETURNING crashes;

-- name: checkpoints_of
-- What is known about the photos of a job.
-- in job_id: text
-- out media_id, crashes, decision
SELECT media_id, crashes, decision FROM lomi.checkpoints WHERE job_id = %(job_id)s;

-- name: checkpoints_clear
-- Forgets a job that is given up.
-- in job_id: text
-- out nothing
DELETE FROM lomi.checkpoints WHERE job_id = %(job_id)s;

-- name: checkpoints_sweep
-- Forgets what no job came back for.
-- in before: timestamptz
-- out nothing
DELETE FROM lomi.checkpoints WHERE at < %(before)s;
