-- Photos that are judged again. Needs the schema `lomi` of a level that knows of it.

-- name: remoderation_begin
-- Notes what is asked for, before anything is done.
-- in at: timestamptz
-- in actor: text
-- in filter: text
-- in why: text
-- in model: text, null for the model of the settings
-- in policy: text, name@version
-- in engines: text
-- in shadow: boolean
-- in overrides: boolean
-- in per_minute: double precision, null for as fast as it goes
-- in photos: bigint, that matched
-- out id
INSERT INTO lomi.remoderations
    (at, actor, filter, why, model, policy, engines, shadow, overrides, per_minute, photos)
VALUES (%(at)s, %(actor)s, %(filter)s, %(why)s, %(model)s, %(policy)s, %(engines)s, %(shadow)s, %(overrides)s,
        %(per_minute)s, %(photos)s)
RETURNING id;

-- name: remoderations
-- Runs, the latest first. A schema of before has none that were trimmed, nor the column.
-- in id: bigint, null for any
-- in limit: bigint, rows
-- out id, at, actor, filter, why, model, policy, engines, shadow, overrides, per_minute, photos, reached, ended_at, trimmed
SELECT id, at, actor, filter, why, model, policy, engines, shadow, overrides, per_minute, photos, reached, ended_at,
       coalesce((to_jsonb(run) ->> 'trimmed')::bigint, 0) AS trimmed
FROM lomi.remoderations AS run
WHERE %(id)s::bigint IS NULL OR id = %(id)s::bigint
ORDER BY id DESC
LIMIT %(limit)s::bigint;

-- name: remoderation_reached
-- How far a run is; never back, for two may be at it.
-- in id: bigint
-- in media_id: uuid
-- out nothing
UPDATE lomi.remoderations SET reached = %(media_id)s::uuid
WHERE id = %(id)s::bigint AND (reached IS NULL OR reached < %(media_id)s::uuid);

-- name: remoderation_end
-- Notes that all photos of a run are through.
-- in id: bigint
-- in at: timestamptz
-- out nothing
UPDATE lomi.remoderations SET ended_at = %(at)s WHERE id = %(id)s::bigint AND ended_at IS NULL;

-- name: remoderation_through
-- Which of some photos are through: of a run that has ended all of them, though their rows may be trimmed.
-- in run: bigint
-- in ids: uuid[]
-- out media_id
SELECT media_id FROM lomi.remoderated WHERE run = %(run)s::bigint AND media_id = ANY(%(ids)s::uuid[])
UNION
SELECT unnest(%(ids)s::uuid[]) FROM lomi.remoderations WHERE id = %(run)s::bigint AND ended_at IS NOT NULL;

-- name: remoderation_counts_trimmed
-- Whether runs have a place for how many of their rows went; a schema of before has none.
-- out known
SELECT EXISTS (
    SELECT FROM pg_attribute WHERE attrelid = to_regclass('lomi.remoderations') AND attname = 'trimmed' AND NOT attisdropped
) AS known;

-- name: remoderation_trimmed
-- Adds to that number, in the transaction in which the rows go.
-- in run: bigint
-- in rows: bigint
-- out nothing
UPDATE lomi.remoderations SET trimmed = trimmed + %(rows)s::bigint WHERE id = %(run)s::bigint;

-- name: remoderation_put
-- Notes what came of a photo; hits nothing where somebody has noted it before.
-- in run: bigint
-- in media_id: uuid
-- in at: timestamptz
-- in fate: text
-- in status_before: text
-- in reason_before: text
-- in status: text
-- in reason: text
-- out nothing
INSERT INTO lomi.remoderated (run, media_id, at, fate, status_before, reason_before, status, reason)
VALUES (%(run)s, %(media_id)s, %(at)s, %(fate)s, %(status_before)s, %(reason_before)s, %(status)s, %(reason)s)
ON CONFLICT DO NOTHING;

-- name: remoderation_tally
-- What came of the photos of a run so far.
-- in run: bigint
-- out fate, status_before, reason_before, status, reason, photos
SELECT fate, status_before, reason_before, status, reason, count(*) AS photos
FROM lomi.remoderated
WHERE run = %(run)s::bigint
GROUP BY 1, 2, 3, 4, 5
ORDER BY photos DESC, fate, status_before, reason_before, status, reason;

-- name: remoderation_media
-- Writes a new verdict into a photo that still stands as it was read. One that waits for a person is not shown.
-- in media_id: uuid
-- in expect: text, status
-- in status: text
-- in reason: text, null when approved
-- in scores: jsonb
-- in at: timestamptz
-- out nothing
UPDATE media
SET moderation_status = %(status)s::text, moderation_reason = %(reason)s, moderation_scores = %(scores)s,
    is_approved = (%(status)s::text = 'approved'), updated_at = %(at)s::timestamptz,
    moderated_at = CASE WHEN %(status)s::text = 'pending' THEN NULL ELSE %(at)s::timestamptz END
WHERE id = %(media_id)s AND moderation_status = %(expect)s;

-- name: remoderation_log
-- Logs a new verdict with all that it was based on.
-- in at: timestamptz
-- in batch_id: uuid, null where the photo has none
-- in user_id: uuid
-- in job_id: text, of the message
-- in worker: text, the run
-- in status_before: text
-- in reason_before: text
-- in moderated_before: timestamptz
-- in decision: jsonb, an object with the columns of lomi.decisions
-- out nothing
INSERT INTO lomi.decisions
    (at, media_id, batch_id, user_id, job_id, actor, worker, status_before, reason_before, moderated_before, status,
     reason, outcome, policy, thresholds, grounds, photo, engines, findings, failure, photo_sha256, processing_ms, detail)
SELECT %(at)s::timestamptz, d.media_id, %(batch_id)s::uuid, %(user_id)s::uuid, %(job_id)s::text, 'worker',
       %(worker)s::text, %(status_before)s::text, %(reason_before)s::text, %(moderated_before)s::timestamptz, d.status,
       d.reason, d.outcome, d.policy, d.thresholds, d.grounds, d.photo, d.engines, d.findings, d.failure,
       d.photo_sha256, d.processing_ms, d.detail
FROM jsonb_to_record(%(decision)s::jsonb) AS d (
    media_id uuid, status text, reason text, outcome text, policy text, thresholds jsonb, grounds jsonb, photo jsonb,
    engines jsonb, findings jsonb, failure text, photo_sha256 text, processing_ms float8, detail text);

-- name: decided_by_people
-- Photos of which a person's decision holds.
-- out media_id
SELECT DISTINCT d.media_id
FROM lomi.decisions AS d
WHERE d.actor <> 'worker' AND d.undoes IS NULL
  AND NOT EXISTS (SELECT FROM lomi.decisions AS later WHERE later.media_id = d.media_id AND later.id > d.id);

-- name: privacy_remoderated
-- What came of the photos of a user that were judged again, and which runs name the user.
-- in user_id: uuid
-- in media_ids: uuid[]
-- out place, row
SELECT 'remoderated' AS place, to_jsonb(r) AS row FROM lomi.remoderated AS r WHERE media_id = ANY(%(media_ids)s::uuid[])
UNION ALL
SELECT 'remoderations', to_jsonb(r) FROM lomi.remoderations AS r
WHERE position(%(user_id)s::uuid::text in lower(filter || ' ' || why)) > 0
   OR EXISTS (SELECT FROM unnest(%(media_ids)s::uuid[]) AS m (id) WHERE position(m.id::text in lower(filter)) > 0);

-- name: privacy_erase_remoderated
-- Takes the former away; how many of which run.
-- in media_ids: uuid[]
-- out run, rows
WITH gone AS (
    DELETE FROM lomi.remoderated WHERE media_id = ANY(%(media_ids)s::uuid[]) RETURNING run
)
SELECT run, count(*)::int AS rows FROM gone GROUP BY run ORDER BY run;

-- name: privacy_erase_remoderations
-- Takes the words of the latter away.
-- in user_id: uuid
-- in media_ids: uuid[]
-- out nothing
UPDATE lomi.remoderations SET filter = '', why = ''
WHERE position(%(user_id)s::uuid::text in lower(filter || ' ' || why)) > 0
   OR EXISTS (SELECT FROM unnest(%(media_ids)s::uuid[]) AS m (id) WHERE position(m.id::text in lower(filter)) > 0);
