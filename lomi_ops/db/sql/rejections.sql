-- Which photos are rejected. `media` holds for what the old workers did as well, and is read as a whole, for it has no
-- index by time; the decision log has one, and goes back to the first decision of ours.

-- name: decided_hours
-- The photos uploaded in a window that were approved or rejected, by the hour of their upload.
-- in start: timestamptz
-- in end: timestamptz, excluded
-- out hour, status, reason, photos
SELECT date_trunc('hour', created_at) AS hour, moderation_status::text AS status, moderation_reason AS reason,
       count(*) AS photos
FROM media
WHERE media_type = 'photo' AND moderation_status IN ('approved', 'rejected')
  AND created_at >= %(start)s::timestamptz AND created_at < %(end)s::timestamptz
GROUP BY 1, 2, 3
ORDER BY hour, status, reason;

-- name: logged_hours
-- The photos that workers approved or rejected in a window, by the hour of that, without those of `lomi e2e`.
-- in start: timestamptz
-- in end: timestamptz, excluded
-- out hour, status, reason, photos
SELECT date_trunc('hour', at) AS hour, status, reason, count(*) AS photos
FROM lomi.decisions
WHERE actor = 'worker' AND status IN ('approved', 'rejected')
  AND at >= %(start)s::timestamptz AND at < %(end)s::timestamptz
  AND user_id NOT BETWEEN '6c6f6d69-2d65-3265-0000-000000000000' AND '6c6f6d69-2d65-3265-ffff-ffffffffffff'
GROUP BY 1, 2, 3
ORDER BY hour, status, reason;

-- name: logged_rejections
-- The photos that workers rejected in a window and that are still there, the latest first, without those of `lomi e2e`.
-- in start: timestamptz
-- in end: timestamptz, excluded
-- in limit: bigint, rows
-- out user_id, url, reason, scores
SELECT d.user_id, m.url, d.reason, m.moderation_scores AS scores
FROM lomi.decisions AS d JOIN media AS m ON m.id = d.media_id
WHERE d.actor = 'worker' AND d.status = 'rejected'
  AND d.at >= %(start)s::timestamptz AND d.at < %(end)s::timestamptz
  AND d.user_id NOT BETWEEN '6c6f6d69-2d65-3265-0000-000000000000' AND '6c6f6d69-2d65-3265-ffff-ffffffffffff'
ORDER BY d.at DESC, d.id DESC
LIMIT %(limit)s;
