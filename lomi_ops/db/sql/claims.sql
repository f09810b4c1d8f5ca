-- Who looks at which photo now.

-- name: claims_take
-- Takes photos that still stand as they were seen and that nobody holds, past those that somebody else is taking.
-- in ids: uuid[]
-- in statuses: text[], as seen, in the order of `ids`
-- in reasons: text[], the same
-- in decisions: bigint[], the last decision on each; null where there is none
-- in fresh: boolean, only what no person has decided, whatever the last decision is
-- in limit: bigint, rows
-- in actor: text
-- in token: uuid
-- in at: timestamptz
-- in expires_at: timestamptz
-- out media_id
WITH free AS MATERIALIZED (
    SELECT m.id
    FROM unnest(%(ids)s::uuid[], %(statuses)s::text[], %(reasons)s::text[], %(decisions)s::bigint[])
        WITH ORDINALITY AS seen (media_id, status, reason, decision, place)
    JOIN media AS m ON m.id = seen.media_id
    WHERE m.moderation_status IS NOT DISTINCT FROM seen.status
      AND m.moderation_reason IS NOT DISTINCT FROM seen.reason
      AND CASE WHEN %(fresh)s::boolean THEN (
              SELECT d.actor <> 'worker' AND d.undoes IS NULL FROM lomi.decisions AS d
              WHERE d.media_id = m.id ORDER BY d.id DESC LIMIT 1
          ) IS NOT TRUE ELSE (
              SELECT max(d.id) FROM lomi.decisions AS d WHERE d.media_id = m.id
          ) IS NOT DISTINCT FROM seen.decision END
      AND NOT EXISTS (SELECT FROM lomi.claims AS c WHERE c.media_id = m.id AND c.expires_at > %(at)s)
    ORDER BY seen.place
    LIMIT %(limit)s
    FOR NO KEY UPDATE OF m SKIP LOCKED
)
INSERT INTO lomi.claims AS c (media_id, actor, token, claimed_at, expires_at)
SELECT id, %(actor)s, %(token)s, %(at)s, %(expires_at)s FROM free
ON CONFLICT (media_id) DO UPDATE
SET actor = excluded.actor, token = excluded.token, claimed_at = excluded.claimed_at, expires_at = excluded.expires_at
WHERE c.expires_at <= %(at)s
RETURNING c.media_id;

-- name: claims_beat
-- Holds on to photos for longer; what has expired is lost.
-- in token: uuid
-- in at: timestamptz
-- in expires_at: timestamptz
-- out media_id, actor, token, claimed_at, expires_at
UPDATE lomi.claims SET expires_at = %(expires_at)s
WHERE token = %(token)s AND expires_at > %(at)s
RETURNING media_id, actor, token, claimed_at, expires_at;

-- name: claims_release
-- Gives photos back; without ids all that the token holds.
-- in token: uuid
-- in ids: uuid[], null for all
-- out nothing
DELETE FROM lomi.claims
WHERE token = %(token)s AND (%(ids)s::uuid[] IS NULL OR media_id = ANY(%(ids)s::uuid[]));

-- name: claims_held
-- Who looks at what.
-- in ids: uuid[], null for any
-- in actor: text, null for anybody
-- in at: timestamptz
-- out media_id, actor, token, claimed_at, expires_at
SELECT media_id, actor, token, claimed_at, expires_at
FROM lomi.claims
WHERE expires_at > %(at)s
  AND (%(ids)s::uuid[] IS NULL OR media_id = ANY(%(ids)s::uuid[]))
  AND (%(actor)s::text IS NULL OR actor = %(actor)s::text)
ORDER BY claimed_at, media_id;

-- name: claims_break
-- Takes photos away from whoever holds them.
-- in ids: uuid[]
-- out media_id, actor, token, claimed_at, expires_at
DELETE FROM lomi.claims WHERE media_id = ANY(%(ids)s::uuid[])
RETURNING media_id, actor, token, claimed_at, expires_at;

-- name: claims_sweep
-- Forgets claims that have long expired.
-- in before: timestamptz
-- out nothing
DELETE FROM lomi.claims WHERE expires_at < %(before)s;
