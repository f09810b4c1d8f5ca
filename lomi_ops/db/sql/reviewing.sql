-- What people look at. The blocks of the first part need nothing of the schema `lomi`.

-- part: minor
-- Whether somebody suspects a minor in a photo; unknown where nothing is known. Word for word the condition of an index that
-- docs/review.md proposes. Of a comparison with 1 the planner expects few rows, of a condition that it knows nothing of half
-- the table, and then it would not take that index.
moderation_reason = 'underage'
OR moderation_scores @> '{"grounds": [{"reason": "underage"}]}'
OR CASE WHEN jsonb_typeof(moderation_scores -> 'estimated_age') = 'number'
        THEN ((moderation_scores ->> 'estimated_age')::numeric < 18)::int END = 1

-- part: may_lie
-- What may lie on one pile, by its status, and for suspected minors by what they are. Which pile it is is known when a
-- statement is planned, so that of each line one half is left.
(moderation_status IN ('rejected', 'failed')
 OR moderation_status = 'pending' AND moderation_reason = 'needs_review')
AND (%(pile)s::text = 'minors' OR moderation_status = replace(%(pile)s::text, 'waiting', 'pending'))
AND (%(pile)s::text <> 'minors' OR (
    -- include: minor
))

-- part: on_pile
-- What lies on one pile: suspected minors on their own and on no other one.
(
    -- include: may_lie
)
AND (%(pile)s::text = 'minors' OR (
    -- include: minor
) IS NOT TRUE)

-- name: review_photos
-- A page of one pile in its order: by the time of the upload, what has none last. Values are known when it is planned,
-- so that `early` or `late` is a constant, and an index on (moderation_status, created_at DESC NULLS LAST, id) gives
-- the latest in order.
-- in pile: text, of waiting, rejected, failed, minors
-- in reasons: text[], null for any
-- in users: uuid[], null for any
-- in batches: uuid[], null for any
-- in ids: uuid[], null for any
-- in start: timestamptz of the upload, null for the beginning
-- in end: timestamptz, excluded; null for no end
-- in oldest: boolean, the oldest upload first; else the latest
-- in after_at: timestamptz of the upload of the last photo seen; null for the first page, and behind one without
-- in after_id: uuid of that photo
-- in undated: boolean, only what has no time of upload, or only what has one; null for both
-- in limit: bigint, rows; null for all
-- out media_id, user_id, batch_id, url, status, reason, scores, retry_count, created_at, moderated_at
SELECT id AS media_id, user_id, batch_id, url, moderation_status::text AS status, moderation_reason AS reason,
       moderation_scores AS scores, coalesce(retry_count, 0) AS retry_count, created_at, moderated_at
FROM media
WHERE media_type = 'photo'
  AND (
      -- include: on_pile
  )
  AND (%(reasons)s::text[] IS NULL OR lower(moderation_reason) = ANY(%(reasons)s::text[]))
  AND (%(users)s::uuid[] IS NULL OR user_id = ANY(%(users)s::uuid[]))
  AND (%(batches)s::uuid[] IS NULL OR batch_id = ANY(%(batches)s::uuid[]))
  AND (%(ids)s::uuid[] IS NULL OR id = ANY(%(ids)s::uuid[]))
  AND (%(start)s::timestamptz IS NULL OR created_at >= %(start)s::timestamptz)
  AND (%(end)s::timestamptz IS NULL OR created_at < %(end)s::timestamptz)
  AND (%(undated)s::boolean IS NULL OR (created_at IS NULL) = %(undated)s::boolean)
  AND (%(after_at)s::timestamptz IS NULL OR %(oldest)s::boolean OR created_at <= %(after_at)s::timestamptz)
  AND (%(after_at)s::timestamptz IS NULL OR NOT %(oldest)s::boolean OR created_at >= %(after_at)s::timestamptz)
  AND (%(after_id)s::uuid IS NULL OR id > %(after_id)s::uuid
       OR created_at IS DISTINCT FROM %(after_at)s::timestamptz)
ORDER BY CASE WHEN %(oldest)s::boolean THEN created_at END,
         CASE WHEN NOT %(oldest)s::boolean THEN created_at END DESC NULLS LAST, id
LIMIT %(limit)s::bigint;

-- name: review_count
-- How many photos lie on one pile, counted no further than to one more than a limit, and its oldest upload.
-- in pile: text, of waiting, rejected, failed, minors
-- in limit: bigint
-- out photos, oldest
SELECT photos,
       CASE WHEN photos <= %(limit)s::bigint THEN oldest ELSE (
           SELECT created_at
           FROM media
           WHERE media_type = 'photo' AND created_at IS NOT NULL
             AND (
                 -- include: on_pile
             )
           ORDER BY CASE WHEN %(pile)s::text = 'minors' THEN created_at END,
                    CASE WHEN %(pile)s::text <> 'minors' THEN created_at END NULLS FIRST
           LIMIT 1
       ) END AS oldest
FROM (
    SELECT count(*) AS photos, min(created_at) AS oldest
    FROM (
        SELECT created_at
        FROM media
        WHERE media_type = 'photo'
          AND (
              -- include: on_pile
          )
        LIMIT %(limit)s::bigint + 1
    ) AS lying
) AS counted;

-- name: review_user
-- The owner of photos, as the backend knows them.
-- in user_id: uuid
-- out user_id, telegram_id, name
SELECT id AS user_id, telegram_id, name FROM users WHERE id = %(user_id)s;

-- name: review_mates
-- The photos that came in one batch.
-- in batch_id: uuid
-- in user_id: uuid, their owner
-- in limit: bigint, rows
-- out media_id, user_id, batch_id, url, status, reason, scores, retry_count, created_at, moderated_at
SELECT id AS media_id, user_id, batch_id, url, moderation_status::text AS status, moderation_reason AS reason,
       moderation_scores AS scores, coalesce(retry_count, 0) AS retry_count, created_at, moderated_at
FROM media
WHERE media_type = 'photo' AND batch_id = %(batch_id)s AND user_id = %(user_id)s
ORDER BY display_order, created_at, id
LIMIT %(limit)s;

-- name: review_ahead
-- The front of one pile without its scores: what nobody looks at and no person has decided. The cheap conditions choose
-- so many of its photos first; what takes long is asked about each of them in their order, which OFFSET 0 keeps, until
-- there are enough. For a whole pile the scores alone take longer than all else, and a join would be planned for the
-- few rows that the planner expects of so many conditions, and never end for many. One row without a photo where there
-- is none.
-- in pile: text, of waiting, rejected, failed, minors
-- in oldest: boolean, the oldest upload first; else the latest
-- in at: timestamptz
-- in most: bigint, photos that are looked through; null for the whole pile
-- in limit: bigint, rows
-- out media_id, status, reason, looked_through
WITH front AS MATERIALIZED (
    SELECT id AS media_id, moderation_status::text AS status, moderation_reason AS reason,
           CASE WHEN %(oldest)s::boolean THEN created_at END AS early,
           CASE WHEN NOT %(oldest)s::boolean THEN created_at END AS late
    FROM media
    WHERE
        -- include: may_lie
    ORDER BY early, late DESC NULLS LAST, media_id
    LIMIT %(most)s::bigint
),
free AS MATERIALIZED (
    SELECT media_id, status, reason, early, late
    FROM (
        SELECT media_id, status, reason, early, late FROM front
        ORDER BY early, late DESC NULLS LAST, media_id OFFSET 0
    ) AS m
    WHERE (
          SELECT p.media_type = 'photo' AND (%(pile)s::text = 'minors' OR (
              -- include: minor
          ) IS NOT TRUE)
          FROM media AS p WHERE p.id = m.media_id
      )
      AND (SELECT c.expires_at > %(at)s FROM lomi.claims AS c WHERE c.media_id = m.media_id) IS NOT TRUE
      AND (
          SELECT d.actor <> 'worker' AND d.undoes IS NULL FROM lomi.decisions AS d
          WHERE d.media_id = m.media_id ORDER BY d.id DESC LIMIT 1
      ) IS NOT TRUE
    ORDER BY early, late DESC NULLS LAST, media_id
    LIMIT %(limit)s
)
SELECT free.media_id, free.status, free.reason, through.looked_through
FROM (SELECT count(*) AS looked_through FROM front) AS through
LEFT JOIN free ON true
ORDER BY free.early, free.late DESC NULLS LAST, free.media_id;

-- name: review_known
-- What people and workers did with some photos: the last decision on each, and who looks at it.
-- in ids: uuid[]
-- in at: timestamptz
-- out media_id, decision, actor, undoes, claimed_by, claimed_until
SELECT wanted.media_id, last.id AS decision, last.actor, last.undoes, c.actor AS claimed_by,
       c.expires_at AS claimed_until
FROM unnest(%(ids)s::uuid[]) AS wanted (media_id)
LEFT JOIN LATERAL (
    SELECT d.id, d.actor, d.undoes FROM lomi.decisions AS d
    WHERE d.media_id = wanted.media_id ORDER BY d.id DESC LIMIT 1
) AS last ON true
LEFT JOIN lomi.claims AS c ON c.media_id = wanted.media_id AND c.expires_at > %(at)s;

-- name: review_story
-- What was decided about one photo, the first decision first.
-- in media_id: uuid
-- out id, at, media_id, actor, status_before, reason_before, status, reason, policy, detail, step, undoes, taken
SELECT id, at, media_id, actor, status_before, reason_before, status, reason, policy, detail, step, undoes,
       to_jsonb(d) -> 'taken' AS taken
FROM lomi.decisions AS d
WHERE media_id = %(media_id)s
ORDER BY id;

-- name: review_user_story
-- What was decided about the photos of one user, the latest decision first.
-- in user_id: uuid
-- in limit: bigint, rows
-- out id, at, media_id, actor, status_before, reason_before, status, reason, policy, detail, step, undoes, taken
SELECT id, at, media_id, actor, status_before, reason_before, status, reason, policy, detail, step, undoes,
       to_jsonb(d) -> 'taken' AS taken
FROM lomi.decisions AS d
WHERE user_id = %(user_id)s
ORDER BY id DESC
LIMIT %(limit)s;

-- name: review_step
-- The decisions of one step that nobody has taken back, in the order in which they were made.
-- in step: uuid
-- out media_id
SELECT d.media_id
FROM lomi.decisions AS d
WHERE d.step = %(step)s AND d.undoes IS NULL
  AND NOT EXISTS (SELECT FROM lomi.decisions AS u WHERE u.media_id = d.media_id AND u.undoes = d.id)
ORDER BY d.id;

-- name: review_steps_of
-- The latest steps of a person that nobody has wholly taken back. That this is no worker is asked of the name alone: as a
-- second condition on each row it would let the planner expect a few rows of a person who made thousands, and read all.
-- in actor: text
-- in limit: bigint, rows
-- out step, at, photos
SELECT d.step, max(d.at) AS at, count(*) AS photos
FROM (
    SELECT id, media_id, step, at, undoes FROM lomi.decisions
    WHERE actor = %(actor)s::text AND %(actor)s::text <> 'worker' ORDER BY id DESC LIMIT 1000
) AS d
WHERE d.step IS NOT NULL AND d.undoes IS NULL
  AND NOT EXISTS (SELECT FROM lomi.decisions AS u WHERE u.media_id = d.media_id AND u.undoes = d.id)
GROUP BY d.step
ORDER BY max(d.id) DESC
LIMIT %(limit)s;

-- name: reveal_put
-- Notes that a picture was made visible to somebody.
-- in at: timestamptz
-- in actor: text
-- in media_id: uuid
-- out nothing
INSERT INTO lomi.reveals (at, actor, media_id) VALUES (%(at)s, %(actor)s, %(media_id)s);
