-- Numbers over a window, from `media` alone.

-- name: report_summary
-- The photos uploaded in a window by how they stand now, with the time that judging them took.
-- in start: timestamptz
-- in end: timestamptz, excluded
-- out status, reason, photos, timed, total_ms
SELECT coalesce(moderation_status, 'pending')::text AS status, moderation_reason AS reason, count(*) AS photos,
       count(ms) AS timed, coalesce(sum(ms), 0)::float8 AS total_ms
FROM (
    SELECT moderation_status, moderation_reason,
           CASE WHEN jsonb_typeof(moderation_scores -> 'processing_time_ms') = 'number'
                THEN (moderation_scores -> 'processing_time_ms')::numeric END AS ms
    FROM media
    WHERE media_type = 'photo'
      AND created_at >= %(start)s::timestamptz AND created_at < %(end)s::timestamptz
) AS uploaded
GROUP BY 1, 2
ORDER BY photos DESC, status, reason;

-- name: work_decided
-- What workers decided in a window, from the decision log, without the photos of `lomi e2e` and what was judged again.
-- in start: timestamptz
-- in end: timestamptz, excluded
-- out decided, failed, mean_ms
SELECT count(*)::int AS decided, (count(*) FILTER (WHERE status = 'failed'))::int AS failed,
       avg(processing_ms)::float8 AS mean_ms
FROM lomi.decisions
WHERE actor = 'worker' AND coalesce(worker, '') NOT LIKE 'remoderate %%'
  AND at >= %(start)s::timestamptz AND at < %(end)s::timestamptz
  AND user_id NOT BETWEEN '6c6f6d69-2d65-3265-0000-000000000000' AND '6c6f6d69-2d65-3265-ffff-ffffffffffff';

-- name: report_bins
-- The photos uploaded in a window by how they stand now, in parts of some minutes. `OFFSET 0` keeps the part a column
-- of a subquery: of a computed time the planner knows nothing and expects a group for each photo, of such a column it
-- expects few, and processes of the server count side by side without sorting.
-- in start: timestamptz
-- in end: timestamptz, excluded
-- in minutes: int, of a part
-- out at, status, reason, photos
SELECT at, coalesce(status, 'pending')::text AS status, reason, sum(photos)::int AS photos
FROM (
    SELECT at, status, reason, count(*) AS photos
    FROM (
        SELECT date_bin(make_interval(mins => %(minutes)s::int), created_at, '1970-01-01 00:00:00Z') AS at,
               moderation_status AS status, moderation_reason AS reason
        FROM media
        WHERE media_type = 'photo'
          AND created_at >= %(start)s::timestamptz AND created_at < %(end)s::timestamptz
        LIMIT ALL
    ) AS uploaded
    GROUP BY 1, 2, 3
) AS counted
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3;

-- name: report_uploads
-- How many photos were uploaded in a window.
-- in start: timestamptz
-- in end: timestamptz, excluded
-- out photos
SELECT count(*) AS photos
FROM media
WHERE media_type = 'photo'
  AND created_at >= %(start)s::timestamptz AND created_at < %(end)s::timestamptz;

-- name: report_standing
-- The photos uploaded in a window by how they stand now.
-- in start: timestamptz
-- in end: timestamptz, excluded
-- out status, reason, photos
SELECT coalesce(moderation_status, 'pending')::text AS status, moderation_reason AS reason, count(*)::int AS photos
FROM media
WHERE media_type = 'photo'
  AND created_at >= %(start)s::timestamptz AND created_at < %(end)s::timestamptz
GROUP BY 1, 2
ORDER BY 1, 2;

-- name: report_processing
-- How long judging took, of the photos uploaded in a window whose scores say it.
-- in start: timestamptz
-- in end: timestamptz, excluded
-- out value, photos
SELECT value, count(*)::int AS photos
FROM (
    SELECT CASE WHEN jsonb_typeof(ms) = 'number' THEN least(round(ms::numeric), 1e9)::float8 END AS value
    FROM (
        SELECT moderation_scores -> 'processing_time_ms' AS ms
        FROM media
        WHERE created_at >= %(start)s::timestamptz AND created_at < %(end)s::timestamptz
          AND media_type = 'photo'
        LIMIT ALL
    ) AS stored
    LIMIT ALL
) AS timed
WHERE value IS NOT NULL
GROUP BY value
ORDER BY value;

-- name: report_delays
-- Seconds from upload to what holds now, of the decided photos uploaded in a window; `OFFSET 0` as in `report_bins`.
-- in start: timestamptz
-- in end: timestamptz, excluded
-- in status: text, null for any
-- out value, photos
SELECT value, count(*)::int AS photos
FROM (
    SELECT greatest(0, round(date_part('epoch', moderated_at - created_at) * 10) / 10) AS value
    FROM media
    WHERE media_type = 'photo' AND moderated_at IS NOT NULL AND moderation_status IN ('approved', 'rejected', 'failed')
      AND (%(status)s::text IS NULL OR moderation_status = %(status)s::text)
      AND created_at >= %(start)s::timestamptz AND created_at < %(end)s::timestamptz
    LIMIT ALL
) AS decided
GROUP BY 1
ORDER BY 1;

-- name: report_jobs_times
-- Milliseconds that jobs settled in a window were in hand, by the size of their batch.
-- in start: timestamptz
-- in end: timestamptz, excluded
-- out name, value, photos
SELECT cardinality(media_ids)::text AS name, round(took_ms)::float8 AS value, count(*)::int AS photos
FROM lomi.jobs
WHERE settled_at >= %(start)s::timestamptz AND settled_at < %(end)s::timestamptz
  AND took_ms IS NOT NULL AND media_ids <> '{}'
GROUP BY 1, 2
ORDER BY 1, 2;

-- name: report_jobs_waits
-- Seconds from the upload of a job's first photo to its last claim, of jobs settled in a window.
-- in start: timestamptz
-- in end: timestamptz, excluded
-- out value, photos
SELECT greatest(0, round(extract(epoch FROM j.claimed_at - m.created_at), 2))::float8 AS value, count(*)::int AS photos
FROM lomi.jobs AS j
JOIN media AS m ON m.id = j.media_ids[1]
WHERE j.settled_at >= %(start)s::timestamptz AND j.settled_at < %(end)s::timestamptz
  AND j.claimed_at IS NOT NULL
GROUP BY 1
ORDER BY 1;

-- name: report_jobs_parts
-- Milliseconds that jobs settled in a window waited beside their engines: for each object (`download`), for the database
-- before they were judged (`opening`) and for the settlement before theirs (`settled`); from 10 on without decimals, so
-- that few values differ. `LIMIT ALL` as in `report_bins`.
-- in start: timestamptz
-- in end: timestamptz, excluded
-- out name, value, photos
SELECT name, value, count(*)::int AS photos
FROM (
    SELECT name, CASE WHEN ms < 10 THEN round(ms * 10) / 10 ELSE round(ms) END AS value
    FROM (
        SELECT opening_ms, downloads_ms, settled_before_ms
        FROM lomi.jobs
        WHERE settled_at >= %(start)s::timestamptz AND settled_at < %(end)s::timestamptz
        LIMIT ALL
    ) AS settled, LATERAL (
        SELECT 'download' AS name, each::float8 AS ms FROM unnest(downloads_ms) AS d (each)
        UNION ALL SELECT 'opening', opening_ms::float8
        UNION ALL SELECT 'settled', settled_before_ms::float8
    ) AS part
    LIMIT ALL
) AS timed
WHERE value IS NOT NULL
GROUP BY 1, 2
ORDER BY 1, 2;

-- name: report_parts_since
-- Since when there is a place for these; no row on a schema of before.
-- out since
SELECT applied_at AS since FROM lomi.schema_migrations WHERE name = 'times';

-- name: report_engine_times
-- Milliseconds that each engine took for a photo, by decisions of workers in a window. One that took none was not asked:
-- another engine saw it along with its own, or the findings are an earlier photo's.
-- in start: timestamptz
-- in end: timestamptz, excluded
-- out name, value, photos
SELECT name, value, count(*)::int AS photos
FROM (
    SELECT one ->> 'engine' AS name, round((one -> 'elapsed_ms')::numeric, 1)::float8 AS value
    FROM (
        SELECT CASE WHEN jsonb_typeof(engines) = 'array' THEN engines END AS engines
        FROM lomi.decisions
        WHERE at >= %(start)s::timestamptz AND at < %(end)s::timestamptz
          AND actor = 'worker'
        LIMIT ALL
    ) AS decided, LATERAL jsonb_array_elements(engines) AS e (one)
    WHERE jsonb_typeof(one -> 'elapsed_ms') = 'number' AND one ->> 'status' IS DISTINCT FROM 'unavailable'
    LIMIT ALL
) AS timed
WHERE name IS NOT NULL AND value > 0
GROUP BY 1, 2
ORDER BY 1, 2;

-- name: report_hours_and_users
-- How many photos came in each part of some minutes of a window, and how many users uploaded so many: one look at each
-- photo for both. `LIMIT ALL` as in `report_bins`.
-- in start: timestamptz
-- in end: timestamptz, excluded
-- in minutes: int, of a part
-- out at, size, many
SELECT at, CASE WHEN at IS NULL THEN photos END AS size,
       (CASE WHEN at IS NULL THEN count(*) ELSE sum(photos) END)::int AS many
FROM (
    SELECT at, count(*)::int AS photos
    FROM (
        SELECT date_bin(make_interval(mins => %(minutes)s::int), created_at, '1970-01-01 00:00:00Z') AS at, user_id
        FROM media
        WHERE media_type = 'photo'
          AND created_at >= %(start)s::timestamptz AND created_at < %(end)s::timestamptz
        LIMIT ALL
    ) AS uploaded
    GROUP BY GROUPING SETS ((at), (user_id))
) AS counted
GROUP BY at, photos
ORDER BY 1, 2;

-- name: report_user_rejections
-- How many users uploaded so many photos in a window that are rejected.
-- in start: timestamptz
-- in end: timestamptz, excluded
-- out size, many
SELECT size, count(*)::int AS many
FROM (
    SELECT count(*)::int AS size
    FROM media
    WHERE media_type = 'photo' AND moderation_status = 'rejected'
      AND created_at >= %(start)s::timestamptz AND created_at < %(end)s::timestamptz
    GROUP BY user_id
) AS users
GROUP BY size
ORDER BY size;

-- part: batches_of_part
-- Batches whose first photo came in a part of a window.
FROM media
WHERE media_type = 'photo' AND batch_id <> '00000000-0000-0000-0000-000000000000'
  AND created_at >= greatest(%(start)s::timestamptz - interval '1 hour', %(since)s::timestamptz)
  AND created_at < least(%(end)s::timestamptz + interval '1 hour', %(until)s::timestamptz)
GROUP BY batch_id
HAVING min(created_at) >= %(start)s::timestamptz AND min(created_at) < %(end)s::timestamptz

-- name: report_batch_sizes
-- How many batches have so many photos, of those whose first one came in a part of a window. A batch comes in one
-- request, so an hour to either side of the part has all of its photos.
-- in start: timestamptz, of the part
-- in end: timestamptz, excluded
-- in since: timestamptz, of the window
-- in until: timestamptz, excluded
-- out size, many
SELECT size, count(*)::int AS many
FROM (
    SELECT count(*)::int AS size
    -- include: batches_of_part
) AS batches
GROUP BY size
ORDER BY size;

-- name: report_at_limit
-- Users who uploaded so many photos within 24 hours, as far as both ends lie in a window.
-- in start: timestamptz
-- in end: timestamptz, excluded
-- in limit: int
-- out users
WITH busy AS (
    SELECT user_id
    FROM media
    WHERE media_type = 'photo'
      AND created_at >= %(start)s::timestamptz AND created_at < %(end)s::timestamptz
    GROUP BY user_id
    HAVING count(*) >= %(limit)s::int
)
SELECT count(DISTINCT user_id)::int AS users
FROM (
    SELECT user_id, created_at,
           lag(created_at, %(limit)s::int - 1) OVER (PARTITION BY user_id ORDER BY created_at) AS before
    FROM media
    WHERE media_type = 'photo' AND user_id IN (SELECT user_id FROM busy)
      AND created_at >= %(start)s::timestamptz AND created_at < %(end)s::timestamptz
) AS spans
WHERE created_at - before < interval '24 hours';

-- part: moves_by_minute
-- How many came and went in each minute, of `settled`; who went before he came went as he came. One row of whole numbers:
-- a month has 43,200 minutes, and of as many rows each would be read and built by itself. They are sorted before they
-- are put together: an ORDER BY in each aggregate would sort them three times.
minutes AS (
    SELECT date_bin(interval '1 minute', came_at, '1970-01-01 00:00:00Z') AS came,
           CASE WHEN went_at < %(until)s::timestamptz
                THEN date_bin(interval '1 minute', greatest(went_at, came_at), '1970-01-01 00:00:00Z') END AS went
    FROM settled
    LIMIT ALL
)
SELECT coalesce(array_agg(at), '{}') AS at, coalesce(array_agg(came), '{}') AS came, coalesce(array_agg(went), '{}') AS went
FROM (
    SELECT (date_part('epoch', coalesce(came, went)) / 60)::int AS at,
           coalesce(sum(batches) FILTER (WHERE came IS NOT NULL), 0)::int AS came,
           coalesce(sum(batches) FILTER (WHERE came IS NULL), 0)::int AS went
    FROM (
        SELECT came, went, count(*) AS batches FROM minutes GROUP BY GROUPING SETS ((came), (went))
    ) AS moves
    WHERE coalesce(came, went) IS NOT NULL
    GROUP BY 1
    ORDER BY 1
) AS moved

-- name: report_batches
-- Batches that came in a part of a window, and those of them that were judged, by the minute, from the photos as they
-- stand; parts as in `report_batch_sizes`.
-- in start: timestamptz, of the part
-- in end: timestamptz, excluded
-- in since: timestamptz, of the window
-- in until: timestamptz, excluded
-- out at, came, went
WITH settled AS (
    SELECT came_at,
           CASE WHEN NOT open THEN coalesce(decided_at, came_at) END AS went_at
    FROM (
        SELECT batch_id, min(created_at) AS came_at, min(moderated_at) AS decided_at,
               bool_or(moderation_status = 'pending' AND moderation_reason IS DISTINCT FROM 'needs_review') AS open
        -- include: batches_of_part
    ) AS batches
    LIMIT ALL
),
-- include: moves_by_minute

-- name: report_batches_logged
-- The same where there is a ledger, which is asked only where photos do not say it: nobody has decided them, or it was
-- long after their upload, as when a person does.
-- in start: timestamptz, of the part
-- in end: timestamptz, excluded
-- in since: timestamptz, of the window
-- in until: timestamptz, excluded
-- out at, came, went
WITH settled AS (
    SELECT came_at,
           CASE WHEN NOT open AND decided_at < came_at + interval '1 minute' THEN decided_at
                ELSE coalesce((SELECT min(j.settled_at) FROM lomi.jobs AS j WHERE j.batch_id = batches.batch_id),
                              CASE WHEN NOT open THEN decided_at END) END AS went_at
    FROM (
        SELECT batch_id, min(created_at) AS came_at, min(moderated_at) AS decided_at,
               bool_or(moderation_status = 'pending' AND moderation_reason IS DISTINCT FROM 'needs_review') AS open
        -- include: batches_of_part
    ) AS batches
    LIMIT ALL
),
-- include: moves_by_minute

-- name: report_ends
-- Jobs that ended without the ledger in a window, and what was done about them, by cause, with the latest of each.
-- in start: timestamptz
-- in end: timestamptz, excluded
-- out what, cause, jobs, example, error
SELECT what, coalesce(nullif(note, ''), error_class) AS cause, count(DISTINCT job_id)::int AS jobs,
       (array_agg(job_id ORDER BY at DESC, entry DESC))[1] AS example,
       (array_agg(error ORDER BY at DESC, entry DESC))[1] AS error
FROM lomi.job_ends
WHERE at >= %(start)s::timestamptz AND at < %(end)s::timestamptz
GROUP BY 1, 2
ORDER BY jobs DESC, 1, 2;

-- name: report_failed
-- Photos uploaded in a window that could not be judged, by cause, with the latest of each, which is looked up by its
-- time: only that row is read outside the index.
-- in start: timestamptz
-- in end: timestamptz, excluded
-- out cause, photos, example
WITH causes AS MATERIALIZED (
    SELECT coalesce(moderation_reason, '') AS cause, count(*)::int AS photos, max(created_at) AS latest
    FROM media
    WHERE media_type = 'photo' AND moderation_status = 'failed'
      AND created_at >= %(start)s::timestamptz AND created_at < %(end)s::timestamptz
    GROUP BY 1
)
SELECT cause, photos, (
           SELECT id::text FROM media
           WHERE created_at = latest AND media_type = 'photo' AND moderation_status = 'failed'
             AND coalesce(moderation_reason, '') = cause
           ORDER BY id DESC LIMIT 1
       ) AS example
FROM causes
ORDER BY photos DESC, 1;

-- name: report_unanswered
-- Photos that went to a person in a window since an engine gave no answer, by engine, with the latest of each.
-- in start: timestamptz
-- in end: timestamptz, excluded
-- out cause, photos, example, text
SELECT g.label AS cause, count(DISTINCT d.media_id)::int AS photos,
       (array_agg(d.media_id::text ORDER BY d.id DESC))[1] AS example,
       (array_agg(coalesce(g.text, '') ORDER BY d.id DESC))[1] AS text
FROM lomi.decisions AS d, LATERAL jsonb_to_recordset(d.grounds) AS g (reason text, label text, text text)
WHERE d.at >= %(start)s::timestamptz AND d.at < %(end)s::timestamptz
  AND d.actor = 'worker' AND d.status = 'pending' AND jsonb_typeof(d.grounds) = 'array'
  AND g.reason IN ('missing_evidence', 'crash')
GROUP BY 1
ORDER BY photos DESC, 1;

-- name: report_workers
-- What each machine and process settled in a window. Times are added as whole microseconds: of floating-point numbers
-- the sum depends on the order in which processes of the server come to them.
-- in start: timestamptz
-- in end: timestamptz, excluded
-- out host, worker, jobs, photos, failed, busy_s, first_at, last_at
SELECT coalesce(host, '') AS host, split_part(coalesce(worker, ''), '/', 1) AS worker, count(*)::int AS jobs,
       coalesce(sum(approved + rejected + failed + in_review), 0)::int AS photos, coalesce(sum(failed), 0)::int AS failed,
       (sum((took_ms * 1000)::bigint) / 1e6)::float8 AS busy_s, min(settled_at) AS first_at, max(settled_at) AS last_at
FROM lomi.jobs
WHERE settled_at >= %(start)s::timestamptz AND settled_at < %(end)s::timestamptz
GROUP BY 1, 2
ORDER BY photos DESC, 1, 2;

-- name: report_sizes
-- The tables of the record, as the server last counted them, and what they take on its disk with their indexes.
-- out name, rows, bytes
SELECT CASE WHEN n.nspname = 'lomi' THEN 'lomi.' ELSE '' END || c.relname AS name,
       CASE WHEN c.reltuples >= 0 THEN c.reltuples::bigint END AS rows, pg_total_relation_size(c.oid) AS bytes
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND (n.nspname = 'lomi' OR c.oid = to_regclass('media'))
ORDER BY bytes DESC, 1;

-- name: report_taken_down
-- Seconds for which photos were approved that were rejected in a window, by what they were rejected for.
-- in start: timestamptz
-- in end: timestamptz, excluded
-- out name, value, photos
SELECT coalesce(d.reason, '') AS name,
       greatest(0, round(extract(epoch FROM d.at - coalesce(d.moderated_before, a.at))))::float8 AS value,
       count(*)::int AS photos
FROM lomi.decisions AS d
LEFT JOIN LATERAL (
    SELECT at FROM lomi.decisions AS e
    WHERE e.media_id = d.media_id AND e.id < d.id AND e.status = 'approved' ORDER BY e.id DESC LIMIT 1
) AS a ON true
WHERE d.at >= %(start)s::timestamptz AND d.at < %(end)s::timestamptz
  AND (d.actor <> 'worker' OR d.worker LIKE 'remoderate %%') AND d.status_before = 'approved'
  AND d.status = 'rejected' AND d.undoes IS NULL
GROUP BY 1, 2
ORDER BY 1, 2;

-- name: report_scores
-- The photos uploaded in a window by what was measured of them, in bands, and how they stand now: a hundredth
-- of a score for labels, a whole number for sharpness and age. Old rows hold any number: what is beyond a scale counts
-- at its end, and what is below it nowhere. Each `LIMIT ALL` keeps a value from being taken out of its row twice.
-- in start: timestamptz
-- in end: timestamptz, excluded
-- out label, band, status, photos
SELECT CASE 0 WHEN grouping(sharpness) THEN 'sharpness' WHEN grouping(age) THEN 'age' WHEN grouping(porn) THEN 'porn'
              WHEN grouping(sexy) THEN 'sexy' ELSE 'hentai' END AS label,
       coalesce(sharpness, age, porn, sexy, hentai) AS band, status, count(*)::int AS photos
FROM (
    SELECT status,
           CASE jsonb_typeof(sharpness) WHEN 'number'
                THEN floor(least(greatest(sharpness::numeric, -1), 1000))::int END AS sharpness,
           CASE jsonb_typeof(age) WHEN 'number' THEN floor(least(greatest(age::numeric, -1), 120))::int END AS age,
           CASE jsonb_typeof(porn) WHEN 'number'
                THEN floor(least(greatest(porn::numeric, -1), 1) * 100 + 1e-9)::int END AS porn,
           CASE jsonb_typeof(sexy) WHEN 'number'
                THEN floor(least(greatest(sexy::numeric, -1), 1) * 100 + 1e-9)::int END AS sexy,
           CASE jsonb_typeof(hentai) WHEN 'number'
                THEN floor(least(greatest(hentai::numeric, -1), 1) * 100 + 1e-9)::int END AS hentai
    FROM (
        SELECT status, sharpness, age, nsfw -> 'porn' AS porn, nsfw -> 'sexy' AS sexy, nsfw -> 'hentai' AS hentai
        FROM (
            SELECT moderation_status::text AS status, moderation_scores -> 'blur_variance' AS sharpness,
                   moderation_scores -> 'estimated_age' AS age, moderation_scores -> 'nsfw_scores' AS nsfw
            FROM media
            WHERE created_at >= %(start)s::timestamptz AND created_at < %(end)s::timestamptz
              AND media_type = 'photo' AND moderation_status IN ('approved', 'rejected')
            LIMIT ALL
        ) AS stored
        LIMIT ALL
    ) AS taken
    LIMIT ALL
) AS decided
GROUP BY GROUPING SETS ((status, sharpness), (status, age), (status, porn), (status, sexy), (status, hentai))
HAVING coalesce(sharpness, age, porn, sexy, hentai) >= 0
ORDER BY 1, 2, 3;

-- name: report_overturned
-- Photos whose worker's decision people changed in a window, with their scores: without what was taken back, and
-- without what another person had decided before.
-- in start: timestamptz
-- in end: timestamptz, excluded
-- out status_before, status, scores
SELECT d.status_before, d.status, m.moderation_scores AS scores
FROM lomi.decisions AS d JOIN media AS m ON m.id = d.media_id
WHERE d.at >= %(start)s::timestamptz AND d.at < %(end)s::timestamptz
  AND d.actor <> 'worker' AND d.undoes IS NULL AND d.status_before IN ('approved', 'rejected')
  AND d.status IN ('approved', 'rejected') AND d.status <> d.status_before
  AND NOT EXISTS (SELECT FROM lomi.decisions AS u WHERE u.media_id = d.media_id AND u.undoes = d.id)
  AND NOT EXISTS (
      SELECT FROM lomi.decisions AS e
      WHERE e.media_id = d.media_id AND e.id < d.id AND e.actor <> 'worker' AND e.undoes IS NULL
        AND NOT EXISTS (SELECT FROM lomi.decisions AS u WHERE u.media_id = e.media_id AND u.undoes = e.id))
ORDER BY d.id;

-- part: pile
-- What a photo waited for: the deciding reason, nudity by its label, as `reason_of` in lomi_ops/domain/simulation.py.
CASE WHEN d.grounds #>> '{0,reason}' = 'nsfw' THEN 'nsfw (' || coalesce(d.grounds #>> '{0,label}', '') || ')'
     ELSE coalesce(d.grounds #>> '{0,reason}', '') END

-- name: report_truths
-- What people said of photos that a policy judged in a window, as `replay_latest`, `replay_people` and `replay_samples`
-- have it: as a sample, and of one that had waited for a person. Few are asked about: they are looked up one by one.
-- Photos of which the same was said come together, each score with its values, as `report_scores` has them but exact:
-- to read tens of thousands of documents takes a program longer than the server looks for them.
-- in start: timestamptz
-- in end: timestamptz, excluded
-- in least: uuid, of the photos to take
-- in most: uuid
-- out outcome, pile, probability, judged_status, ruled, photos, porn, sexy, hentai, sharpness, age
WITH people AS MATERIALIZED (
    SELECT DISTINCT ON (media_id) media_id, status
    FROM lomi.decisions
    WHERE at >= %(start)s::timestamptz AND actor <> 'worker' AND outcome IS NULL
      AND media_id BETWEEN %(least)s::uuid AND %(most)s::uuid
    ORDER BY media_id, id DESC
), sampled AS MATERIALIZED (
    SELECT DISTINCT ON (media_id) media_id, probability, judged_status
    FROM lomi.samples
    WHERE drawn_at >= %(start)s::timestamptz AND judged_at IS NOT NULL AND kind <> 'golden'
      AND media_id BETWEEN %(least)s::uuid AND %(most)s::uuid
    ORDER BY media_id, id DESC
)
SELECT outcome, pile, probability, judged_status, ruled, count(*)::int AS photos,
       json_agg(porn) FILTER (WHERE porn >= 0) AS porn, json_agg(sexy) FILTER (WHERE sexy >= 0) AS sexy,
       json_agg(hentai) FILTER (WHERE hentai >= 0) AS hentai,
       json_agg(sharpness) FILTER (WHERE sharpness >= 0) AS sharpness, json_agg(age) FILTER (WHERE age >= 0) AS age
FROM (
    SELECT outcome, pile, probability, judged_status, ruled,
           CASE jsonb_typeof(sharpness) WHEN 'number'
                THEN least(greatest(sharpness::numeric, -1), 1000)::float8 END AS sharpness,
           CASE jsonb_typeof(age) WHEN 'number' THEN least(greatest(age::numeric, -1), 120)::float8 END AS age,
           CASE jsonb_typeof(porn) WHEN 'number' THEN least(greatest(porn::numeric, -1), 1)::float8 END AS porn,
           CASE jsonb_typeof(sexy) WHEN 'number' THEN least(greatest(sexy::numeric, -1), 1)::float8 END AS sexy,
           CASE jsonb_typeof(hentai) WHEN 'number' THEN least(greatest(hentai::numeric, -1), 1)::float8 END AS hentai
    FROM (
        SELECT outcome, pile, probability, judged_status, ruled, scores -> 'blur_variance' AS sharpness,
               scores -> 'estimated_age' AS age, scores -> 'nsfw_scores' -> 'porn' AS porn,
               scores -> 'nsfw_scores' -> 'sexy' AS sexy, scores -> 'nsfw_scores' -> 'hentai' AS hentai
        FROM (
            SELECT d.outcome,
                   -- include: pile
                   AS pile, s.probability, s.judged_status, p.status AS ruled, m.moderation_scores AS scores
            FROM (SELECT media_id FROM people WHERE status IN ('approved', 'rejected')
                  UNION SELECT media_id FROM sampled) AS known
            CROSS JOIN LATERAL (
                SELECT id, at, outcome, grounds, user_id FROM lomi.decisions
                WHERE media_id = known.media_id AND outcome IS NOT NULL ORDER BY id DESC LIMIT 1
            ) AS d
            JOIN media AS m ON m.id = known.media_id
            LEFT JOIN sampled AS s ON s.media_id = known.media_id
            LEFT JOIN people AS p ON p.media_id = known.media_id AND p.status IN ('approved', 'rejected')
            WHERE d.at >= %(start)s::timestamptz AND d.at < %(end)s::timestamptz
              AND (s.media_id IS NOT NULL OR d.outcome = 'review')
              AND d.user_id NOT BETWEEN '6c6f6d69-2d65-3265-0000-000000000000'
                                    AND '6c6f6d69-2d65-3265-ffff-ffffffffffff'
            LIMIT ALL
        ) AS told
        LIMIT ALL
    ) AS taken
    LIMIT ALL
) AS measured
GROUP BY 1, 2, 3, 4, 5
ORDER BY 1, 2, 3, 4, 5;

-- name: report_waited
-- How many photos a policy sent to a person in a window, by what they wait for.
-- in start: timestamptz
-- in end: timestamptz, excluded
-- out pile, photos
SELECT
       -- include: pile
       AS pile, count(*)::int AS photos
FROM lomi.decisions AS d
WHERE d.at >= %(start)s::timestamptz AND d.at < %(end)s::timestamptz
  AND d.status = 'pending' AND d.outcome = 'review'
  AND d.user_id NOT BETWEEN '6c6f6d69-2d65-3265-0000-000000000000' AND '6c6f6d69-2d65-3265-ffff-ffffffffffff'
  AND NOT EXISTS (
      SELECT FROM lomi.decisions AS l WHERE l.media_id = d.media_id AND l.id > d.id AND l.outcome IS NOT NULL
  )
GROUP BY 1
ORDER BY 1;

-- name: report_many
-- Whether more photos than a limit were uploaded in a window; counts no further than that.
-- in start: timestamptz
-- in end: timestamptz, excluded
-- in limit: int
-- out many
SELECT count(*) > %(limit)s::int AS many
FROM (
    SELECT FROM media
    WHERE media_type = 'photo'
      AND created_at >= %(start)s::timestamptz AND created_at < %(end)s::timestamptz
    LIMIT %(limit)s::int + 1
) AS counted;

-- name: report_lock
-- Keeps other reports that write or send apart from this one until the transaction ends.
-- in name: text
-- out locked
SELECT pg_try_advisory_xact_lock(hashtextextended('lomi report ' || %(name)s::text, 0)) AS locked;

-- name: report_settings
-- For the transaction of a report: room to count by user and batch in memory, no compiler for statements that take less
-- than it does, and time to stand idle while the report is drawn and sent.
-- in memory: text, e.g. 64MB
-- in patience: text, e.g. 600s
-- out memory, jit, patience
SELECT set_config('work_mem', %(memory)s::text, true) AS memory, set_config('jit', 'off', true) AS jit,
       set_config('idle_in_transaction_session_timeout', %(patience)s::text, true) AS patience;
