-- Decided photos that people judge again without knowing it.

-- name: samples_population
-- How many decisions of workers a window has that still hold and that a sample can be drawn of, how many of them a
-- draw with this probability takes, and how many are samples already.
-- in kind: text, approved or rejected
-- in start: timestamptz, of the decision
-- in end: timestamptz, excluded
-- in probability: float8
-- out population, fresh, known
SELECT count(*) AS population,
       count(*) FILTER (WHERE NOT sampled AND lot < %(probability)s::float8) AS fresh,
       count(*) FILTER (WHERE sampled) AS known
FROM (
    SELECT ('x' || left(encode(sha256(convert_to('lomi.sample/1 ' || d.media_id::text, 'UTF8')), 'hex'), 13))::bit(52)
               ::bigint / 4503599627370496.0::float8 AS lot,
           EXISTS (SELECT FROM lomi.samples AS s WHERE s.media_id = d.media_id AND s.kind <> 'golden') AS sampled
    FROM lomi.decisions AS d JOIN media AS m ON m.id = d.media_id
    WHERE d.at >= %(start)s::timestamptz AND d.at < %(end)s::timestamptz
      AND d.actor = 'worker' AND d.status = %(kind)s::text
      AND m.moderation_status = d.status AND m.moderation_reason IS NOT DISTINCT FROM d.reason
      AND NOT EXISTS (SELECT FROM lomi.decisions AS l WHERE l.media_id = d.media_id AND l.id > d.id)
) AS decided;

-- name: samples_draw
-- Draws of the decisions of workers in a window that still hold. The lot of a photo is a number in [0, 1) that follows
-- from its id: so the same draw twice takes the same photos, and one with a higher probability takes some more.
-- in kind: text, approved or rejected
-- in start: timestamptz, of the decision
-- in end: timestamptz, excluded
-- in probability: float8
-- in at: timestamptz
-- out media_id
INSERT INTO lomi.samples (media_id, kind, drawn_at, probability, status, reason, policy)
SELECT d.media_id, d.status, %(at)s::timestamptz, %(probability)s::float8, d.status, d.reason, d.policy
FROM lomi.decisions AS d JOIN media AS m ON m.id = d.media_id
WHERE d.at >= %(start)s::timestamptz AND d.at < %(end)s::timestamptz
  AND d.actor = 'worker' AND d.status = %(kind)s::text
  AND m.moderation_status = d.status AND m.moderation_reason IS NOT DISTINCT FROM d.reason
  AND NOT EXISTS (SELECT FROM lomi.decisions AS l WHERE l.media_id = d.media_id AND l.id > d.id)
  AND ('x' || left(encode(sha256(convert_to('lomi.sample/1 ' || d.media_id::text, 'UTF8')), 'hex'), 13))::bit(52)
          ::bigint / 4503599627370496.0::float8 < %(probability)s::float8
  AND NOT EXISTS (SELECT FROM lomi.samples AS s WHERE s.media_id = d.media_id AND s.kind <> 'golden')
ON CONFLICT DO NOTHING
RETURNING media_id;

-- name: samples_raise
-- A photo that an earlier draw took would have been taken by this one as well, with the higher probability.
-- in kind: text
-- in start: timestamptz, of the decision
-- in end: timestamptz, excluded
-- in probability: float8
-- out nothing
UPDATE lomi.samples AS s SET probability = %(probability)s::float8
WHERE s.kind = %(kind)s::text AND s.probability < %(probability)s::float8
  AND EXISTS (
      SELECT FROM lomi.decisions AS d
      WHERE d.media_id = s.media_id AND d.actor = 'worker' AND d.status = s.status
        AND d.at >= %(start)s::timestamptz AND d.at < %(end)s::timestamptz
  );

-- name: samples_golden
-- Makes a decided photo a golden one; nothing comes back where it waits as a sample already.
-- in media_id: uuid
-- in at: timestamptz
-- in status: text, what is right
-- in reason: text, null for an approval
-- out id
INSERT INTO lomi.samples (media_id, kind, drawn_at, probability, status, reason)
VALUES (%(media_id)s::uuid, 'golden', %(at)s::timestamptz, 1, %(status)s::text, %(reason)s::text)
ON CONFLICT DO NOTHING
RETURNING id;

-- name: samples_waiting
-- Samples that nobody has judged or looks at, in an order that is the same for all and tells nothing; a photo of which
-- something else has been decided since is passed over.
-- in at: timestamptz
-- in limit: bigint, rows
-- out media_id
SELECT s.media_id
FROM lomi.samples AS s JOIN media AS m ON m.id = s.media_id
WHERE s.judged_at IS NULL
  AND m.moderation_status IN ('approved', 'rejected')
  AND (s.kind = 'golden'
       OR m.moderation_status = s.status AND m.moderation_reason IS NOT DISTINCT FROM s.reason
          AND NOT EXISTS (
              SELECT FROM lomi.decisions AS d
              WHERE d.media_id = s.media_id AND d.actor <> 'worker'
          ))
  AND NOT EXISTS (SELECT FROM lomi.claims AS c WHERE c.media_id = s.media_id AND c.expires_at > %(at)s::timestamptz)
ORDER BY md5(s.id::text), s.id
LIMIT %(limit)s::bigint;

-- name: samples_still_waiting
-- Which of some photos are samples that nobody has judged.
-- in ids: uuid[]
-- out media_id
SELECT media_id FROM lomi.samples WHERE media_id = ANY(%(ids)s::uuid[]) AND judged_at IS NULL;

-- name: samples_any
-- Whether a sample was ever drawn.
-- out found
SELECT EXISTS (SELECT FROM lomi.samples) AS found;

-- name: samples_held
-- Samples that wait to be judged and lie before somebody now, dealt as such: the token is a UUID of version 8.
-- in actor: text
-- in at: timestamptz
-- out media_id
SELECT s.media_id
FROM lomi.samples AS s JOIN lomi.claims AS c ON c.media_id = s.media_id
WHERE s.judged_at IS NULL AND c.actor = %(actor)s::text AND c.expires_at > %(at)s::timestamptz
  AND get_byte(uuid_send(c.token), 6) >> 4 = 8;

-- name: samples_judge
-- Notes what a person said about a sample that waits.
-- in media_id: uuid
-- in at: timestamptz
-- in actor: text
-- in status: text
-- in reason: text, null for an approval
-- out id, kind, status, reason
UPDATE lomi.samples
SET judged_at = %(at)s::timestamptz, judged_by = %(actor)s::text, judged_status = %(status)s::text,
    judged_reason = %(reason)s::text
WHERE media_id = %(media_id)s::uuid AND judged_at IS NULL
RETURNING id, kind, status, reason;

-- name: samples_unjudge
-- Takes a judgement back: the sample waits again.
-- in ids: uuid[], of photos
-- in actor: text
-- in at: timestamptz, of the judgement
-- out media_id
UPDATE lomi.samples
SET judged_at = NULL, judged_by = NULL, judged_status = NULL, judged_reason = NULL
WHERE media_id = ANY(%(ids)s::uuid[]) AND judged_by = %(actor)s::text AND judged_at = %(at)s::timestamptz
RETURNING media_id;

-- name: samples_drawn
-- Samples that were drawn in a window, the first one first.
-- in start: timestamptz
-- in end: timestamptz, excluded
-- out id, media_id, kind, drawn_at, probability, status, reason, policy, judged_at, judged_by, judged_status
-- out judged_reason
SELECT id, media_id, kind, drawn_at, probability, status, reason, policy, judged_at, judged_by, judged_status,
       judged_reason
FROM lomi.samples
WHERE drawn_at >= %(start)s::timestamptz AND drawn_at < %(end)s::timestamptz
ORDER BY id;

-- name: samples_disputed
-- Decisions of workers that a person judged otherwise in a sample, and that still hold; the latest judgement first.
-- in limit: bigint, rows
-- out id, media_id, kind, drawn_at, probability, status, reason, policy, judged_at, judged_by, judged_status
-- out judged_reason
SELECT s.id, s.media_id, s.kind, s.drawn_at, s.probability, s.status, s.reason, s.policy, s.judged_at, s.judged_by,
       s.judged_status, s.judged_reason
FROM lomi.samples AS s JOIN media AS m ON m.id = s.media_id
WHERE s.kind <> 'golden' AND s.judged_status <> s.status
  AND m.moderation_status = s.status AND m.moderation_reason IS NOT DISTINCT FROM s.reason
  AND NOT EXISTS (SELECT FROM lomi.decisions AS d WHERE d.media_id = s.media_id AND d.actor <> 'worker')
ORDER BY s.judged_at DESC, s.id
LIMIT %(limit)s::bigint;

-- name: samples_chosen
-- What people decided in a window of their own choice about what workers had decided, by what stood before: without
-- what was taken back.
-- in start: timestamptz
-- in end: timestamptz, excluded
-- out status, reason, looked_at, changed
SELECT d.status_before AS status, d.reason_before AS reason, count(*) AS looked_at,
       count(*) FILTER (WHERE d.status <> d.status_before) AS changed
FROM lomi.decisions AS d
WHERE d.at >= %(start)s::timestamptz AND d.at < %(end)s::timestamptz
  AND d.actor <> 'worker' AND d.undoes IS NULL AND d.status_before IN ('approved', 'rejected')
  AND NOT EXISTS (SELECT FROM lomi.decisions AS u WHERE u.media_id = d.media_id AND u.undoes = d.id)
  AND EXISTS (SELECT FROM lomi.decisions AS w WHERE w.media_id = d.media_id AND w.id < d.id AND w.actor = 'worker')
GROUP BY 1, 2
ORDER BY looked_at DESC, 1, 2;
