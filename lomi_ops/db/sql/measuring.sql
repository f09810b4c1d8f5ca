-- What is measured again and again: rows that an index or a window names, never a whole table of the record.

-- name: measured_undecided
-- What is undecided, and for how long; reads only the partial index and the rows that it names.
-- out worker, person, never_queued, person_s
SELECT (count(*) FILTER (WHERE NOT in_review AND NOT zero))::int AS worker,
       (count(*) FILTER (WHERE in_review))::int AS person,
       (count(*) FILTER (WHERE NOT in_review AND zero))::int AS never_queued,
       extract(epoch FROM now() - min(created_at) FILTER (WHERE in_review))::float8 AS person_s
FROM (
    SELECT created_at, moderation_reason IS NOT DISTINCT FROM 'needs_review' AS in_review,
           batch_id IS NULL OR batch_id = '00000000-0000-0000-0000-000000000000' AS zero
    FROM media
    WHERE moderation_status = 'pending' AND media_type = 'photo'
) AS undecided;

-- name: measured_decisions
-- Decisions of the last seconds by who made them, without the photos of `lomi e2e`; `first` are those on photos that
-- nobody had decided before.
-- in seconds: float8
-- out actor, status, reason, photos, first
SELECT CASE WHEN actor = 'worker' THEN 'worker' ELSE 'person' END AS actor, status, coalesce(reason, '') AS reason,
       count(*)::int AS photos, (count(*) FILTER (WHERE status_before = 'pending'))::int AS first
FROM lomi.decisions
WHERE at >= now() - make_interval(secs => %(seconds)s::float8)
  AND user_id NOT BETWEEN '6c6f6d69-2d65-3265-0000-000000000000' AND '6c6f6d69-2d65-3265-ffff-ffffffffffff'
GROUP BY 1, 2, 3;

-- name: measured_rejected
-- How many photos were decided for the first time within the last seconds, and rejected.
-- in seconds: float8
-- out decided, rejected
SELECT count(*)::int AS decided, (count(*) FILTER (WHERE status = 'rejected'))::int AS rejected
FROM lomi.decisions
WHERE at >= now() - make_interval(secs => %(seconds)s::float8)
  AND status_before = 'pending' AND status IN ('approved', 'rejected')
  AND user_id NOT BETWEEN '6c6f6d69-2d65-3265-0000-000000000000' AND '6c6f6d69-2d65-3265-ffff-ffffffffffff';

-- name: measured_rejected_before
-- The same where there is no log of decisions: of `media`, which has no index for it and is read through.
-- in short: float8, seconds
-- in long: float8, seconds
-- out decided, rejected, decided_long, rejected_long
SELECT (count(*) FILTER (WHERE lately))::int AS decided,
       (count(*) FILTER (WHERE lately AND moderation_status = 'rejected'))::int AS rejected,
       count(*)::int AS decided_long,
       (count(*) FILTER (WHERE moderation_status = 'rejected'))::int AS rejected_long
FROM (
    SELECT moderation_status, moderated_at >= now() - make_interval(secs => %(short)s::float8) AS lately
    FROM media
    WHERE media_type = 'photo' AND moderation_status IN ('approved', 'rejected')
      AND moderated_at >= now() - make_interval(secs => %(long)s::float8)
) AS decided;

-- name: measured_ended
-- Jobs that ended within the last seconds: settled by the ledger, or given up.
-- in seconds: float8
-- out settled, given_up
SELECT (SELECT count(*) FROM lomi.jobs WHERE settled_at >= now() - make_interval(secs => %(seconds)s::float8))::int
           AS settled,
       (SELECT count(DISTINCT job_id) FROM lomi.job_ends
        WHERE at >= now() - make_interval(secs => %(seconds)s::float8) AND what IN ('dead', 'lost'))::int AS given_up;

-- name: measured_work
-- The time that workers had jobs of the last seconds in hand, and how many photos came of it.
-- in seconds: float8
-- out photos, busy_s
SELECT coalesce(sum(approved + rejected + failed + in_review), 0)::int AS photos,
       (coalesce(sum(took_ms), 0) / 1000)::float8 AS busy_s
FROM lomi.jobs
WHERE settled_at >= now() - make_interval(secs => %(seconds)s::float8) AND took_ms IS NOT NULL;

-- name: measured_server
-- Connections of clients, those of lomi apart as far as this role may see them (pg_monitor sees all); and blocks that were
-- found in memory or had to be read.
-- out lomi, others, allowed, hits, misses
SELECT lomi, greatest(0, backends - lomi) AS others,
       (current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int) AS allowed,
       hits, misses
FROM (SELECT count(*)::int AS lomi FROM pg_stat_activity WHERE application_name LIKE 'lomi%%') AS ours,
     (SELECT sum(numbackends)::int AS backends,
             (sum(blks_hit) FILTER (WHERE datname = current_database()))::bigint AS hits,
             (sum(blks_read) FILTER (WHERE datname = current_database()))::bigint AS misses
      FROM pg_stat_database WHERE datname IS NOT NULL) AS server;
