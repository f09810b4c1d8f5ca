-- What policies that do not hold said of photos, and how the arms of an experiment fare.

-- name: shadow_agreement
-- Verdicts of a window beside what shadow policies said of the same findings; without those of `lomi e2e`.
-- in start: timestamptz
-- in end: timestamptz, excluded
-- out policy, shadow, outcome, said, photos, example
SELECT d.policy, s.policy AS shadow, d.outcome, s.outcome AS said, count(*) AS photos,
       max(d.media_id::text) AS example
FROM lomi.decisions AS d CROSS JOIN LATERAL jsonb_to_recordset(d.shadows) AS s (policy text, outcome text)
WHERE d.at >= %(start)s::timestamptz AND d.at < %(end)s::timestamptz AND d.shadows IS NOT NULL
  AND d.user_id NOT BETWEEN '6c6f6d69-2d65-3265-0000-000000000000' AND '6c6f6d69-2d65-3265-ffff-ffffffffffff'
GROUP BY 1, 2, 3, 4
ORDER BY 2, 1, photos DESC, 3, 4;

-- name: shadow_examples
-- Photos of a window on which a shadow policy said something else, the latest first.
-- in start: timestamptz
-- in end: timestamptz, excluded
-- in limit: bigint, rows
-- out media_id, at, policy, shadow, outcome, said, reason
SELECT d.media_id, d.at, d.policy, s.policy AS shadow, d.outcome, s.outcome AS said, s.reason
FROM lomi.decisions AS d CROSS JOIN LATERAL jsonb_to_recordset(d.shadows) AS s (policy text, outcome text, reason text)
WHERE d.at >= %(start)s::timestamptz AND d.at < %(end)s::timestamptz AND d.shadows IS NOT NULL
  AND s.outcome <> d.outcome
  AND d.user_id NOT BETWEEN '6c6f6d69-2d65-3265-0000-000000000000' AND '6c6f6d69-2d65-3265-ffff-ffffffffffff'
ORDER BY d.at DESC, d.id DESC, s.policy
LIMIT %(limit)s::bigint;

-- name: arm_outcomes
-- Verdicts of a window by the arms that made them: photos, and of how many users.
-- in start: timestamptz
-- in end: timestamptz, excluded
-- out activation, policy, outcome, photos, users
SELECT (thresholds ->> 'activation')::int AS activation, policy, outcome, count(*) AS photos,
       count(DISTINCT user_id) AS users
FROM lomi.decisions
WHERE at >= %(start)s::timestamptz AND at < %(end)s::timestamptz AND thresholds ? 'guards'
  AND user_id NOT BETWEEN '6c6f6d69-2d65-3265-0000-000000000000' AND '6c6f6d69-2d65-3265-ffff-ffffffffffff'
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3;

-- name: arm_changes
-- Of the approvals and rejections of arms in a window, how many a person changed since.
-- in start: timestamptz
-- in end: timestamptz, excluded
-- out activation, policy, decided, changed
SELECT (d.thresholds ->> 'activation')::int AS activation, d.policy, count(*) AS decided,
       count(*) FILTER (WHERE p.status IN ('approved', 'rejected') AND p.status <> d.status) AS changed
FROM lomi.decisions AS d LEFT JOIN LATERAL (
    SELECT l.status FROM lomi.decisions AS l
    WHERE l.media_id = d.media_id AND l.id > d.id AND l.actor <> 'worker'
    ORDER BY l.id DESC
    LIMIT 1
) AS p ON true
WHERE d.at >= %(start)s::timestamptz AND d.at < %(end)s::timestamptz AND d.thresholds ? 'guards'
  AND d.outcome IN ('approve', 'reject')
  AND d.user_id NOT BETWEEN '6c6f6d69-2d65-3265-0000-000000000000' AND '6c6f6d69-2d65-3265-ffff-ffffffffffff'
GROUP BY 1, 2
ORDER BY 1, 2;
