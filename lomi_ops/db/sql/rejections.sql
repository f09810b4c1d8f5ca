-- Which photos are rejected, from `media` alone: it holds for what the old workers did as well.

-- name: decided_hours
-- The photos uploaded in a window that were approved or rejected, by the hour of their upload.
-- in start: timestamptz
-- in end: timestamptz, excluded
-- out hour, status, reason, photos
SELECT date_trunc('hour', created_at) AS hour, moderation_status::text AS status, moderation_reason AS reason,
       count(*) AS photos
FROM media
WHERE media_type::text = 'photo' AND moderation_status IN ('approved', 'rejected')
  AND created_at >= %(start)s::timestamptz AND created_at < %(end)s::timestamptz
GROUP BY 1, 2, 3
ORDER BY hour, status, reason;
