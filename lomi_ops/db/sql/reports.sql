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
                THEN (moderation_scores ->> 'processing_time_ms')::numeric END AS ms
    FROM media
    WHERE media_type::text = 'photo'
      AND created_at >= %(start)s::timestamptz AND created_at < %(end)s::timestamptz
) AS uploaded
GROUP BY 1, 2
ORDER BY photos DESC, status, reason;

-- name: work_decided
-- What workers decided in a window, from the decision log, without the photos of `lomi e2e`.
-- in start: timestamptz
-- in end: timestamptz, excluded
-- out decided, failed, mean_ms
SELECT count(*)::int AS decided, (count(*) FILTER (WHERE status = 'failed'))::int AS failed,
       avg(processing_ms)::float8 AS mean_ms
FROM lomi.decisions
WHERE actor = 'worker' AND at >= %(start)s::timestamptz AND at < %(end)s::timestamptz
  AND user_id NOT BETWEEN '6c6f6d69-2d65-3265-0000-000000000000' AND '6c6f6d69-2d65-3265-ffff-ffffffffffff';
