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

-- name: shadow_users
-- The same by users: how many, their photos, on how many of these the shadow agreed, and of each user's numbers the squares
-- and the product, added up.
-- in start: timestamptz
-- in end: timestamptz, excluded
-- out policy, shadow, users, photos, agreed, photos_squares, agreed_squares, products
SELECT policy, shadow, count(*) AS users, sum(photos)::bigint AS photos, sum(agreed)::bigint AS agreed,
       sum(photos * photos)::bigint AS photos_squares, sum(agreed * agreed)::bigint AS agreed_squares,
       sum(photos * agreed)::bigint AS products
FROM (
    SELECT d.policy, s.policy AS shadow, d.user_id, count(*) AS photos,
           count(*) FILTER (WHERE s.outcome = d.outcome) AS agreed
    FROM lomi.decisions AS d CROSS JOIN LATERAL jsonb_to_recordset(d.shadows) AS s (policy text, outcome text)
    WHERE d.at >= %(start)s::timestamptz AND d.at < %(end)s::timestamptz AND d.shadows IS NOT NULL
      AND d.user_id NOT BETWEEN '6c6f6d69-2d65-3265-0000-000000000000' AND '6c6f6d69-2d65-3265-ffff-ffffffffffff'
    GROUP BY 1, 2, 3
) AS by_user
GROUP BY 1, 2
ORDER BY 2, 1;

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

-- name: arm_users
-- Who was judged by the arms in a window: users, their photos, and of each user's number the square, added up.
-- in start: timestamptz
-- in end: timestamptz, excluded
-- out activation, policy, users, photos, squares
SELECT activation, policy, count(*) AS users, sum(photos)::bigint AS photos, sum(photos * photos)::bigint AS squares
FROM (
    SELECT (thresholds ->> 'activation')::int AS activation, policy, user_id, count(*) AS photos
    FROM lomi.decisions
    WHERE at >= %(start)s::timestamptz AND at < %(end)s::timestamptz AND thresholds ? 'guards'
      AND user_id NOT BETWEEN '6c6f6d69-2d65-3265-0000-000000000000' AND '6c6f6d69-2d65-3265-ffff-ffffffffffff'
    GROUP BY 1, 2, 3
) AS by_user
GROUP BY 1, 2
ORDER BY 1, 2;

-- name: arm_outcomes
-- Verdicts of a window by the arms that made them: photos, of how many users, of each user's number the square, and
-- its product with all photos of the user, both added up.
-- in start: timestamptz
-- in end: timestamptz, excluded
-- out activation, policy, outcome, photos, users, squares, products
SELECT activation, policy, outcome, sum(photos)::bigint AS photos, count(*) AS users,
       sum(photos * photos)::bigint AS squares, sum(photos * of_user)::bigint AS products
FROM (
    SELECT (thresholds ->> 'activation')::int AS activation, policy, outcome, user_id, count(*) AS photos,
           sum(count(*)) OVER (PARTITION BY (thresholds ->> 'activation')::int, policy, user_id) AS of_user
    FROM lomi.decisions
    WHERE at >= %(start)s::timestamptz AND at < %(end)s::timestamptz AND thresholds ? 'guards'
      AND user_id NOT BETWEEN '6c6f6d69-2d65-3265-0000-000000000000' AND '6c6f6d69-2d65-3265-ffff-ffffffffffff'
    GROUP BY 1, 2, 3, 4
) AS by_user
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3;

-- name: arm_changes
-- Of the approvals and rejections of arms in a window, how many a person changed since; and over the users the squares
-- of both numbers and their product, added up.
-- in start: timestamptz
-- in end: timestamptz, excluded
-- out activation, policy, decided, changed, users, decided_squares, changed_squares, products
SELECT activation, policy, sum(decided)::bigint AS decided, sum(changed)::bigint AS changed, count(*) AS users,
       sum(decided * decided)::bigint AS decided_squares, sum(changed * changed)::bigint AS changed_squares,
       sum(decided * changed)::bigint AS products
FROM (
    SELECT (d.thresholds ->> 'activation')::int AS activation, d.policy, d.user_id, count(*) AS decided,
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
    GROUP BY 1, 2, 3
) AS by_user
GROUP BY 1, 2
ORDER BY 1, 2;
