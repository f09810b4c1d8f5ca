-- What photos look like, and which look alike.

-- name: photo_hashes_open
-- Whether this role may keep hashes here: there is a table for them, and it may add to it.
-- out open
SELECT coalesce(has_table_privilege(to_regclass('lomi.photo_hashes'), 'INSERT'), false) AS open;

-- name: photo_hashes_keep
-- Keeps the hashes of photos; one that is known stays as it is, for the picture of a photo never changes.
-- in hashes: jsonb, [{"media_id", "user_id", "hash" in hexadecimal, "bands"}]
-- in at: timestamptz
-- out nothing
INSERT INTO lomi.photo_hashes (media_id, user_id, hash, bands, at)
SELECT h.media_id, h.user_id, decode(h.hash, 'hex'), h.bands, %(at)s::timestamptz
FROM jsonb_to_recordset(%(hashes)s::jsonb) AS h (media_id uuid, user_id uuid, hash text, bands int[])
ON CONFLICT DO NOTHING;

-- name: photo_hash_of
-- The hash of one photo.
-- in media_id: uuid
-- out hash
SELECT hash FROM lomi.photo_hashes WHERE media_id = %(media_id)s::uuid;

-- name: photo_hashes_near
-- Photos of anybody whose hash is near, the nearest first; the index finds those that share a band or nearly do, and
-- their bits are counted here. Band by band: of all bands at once the planner believes that most rows have one, and
-- reads the table. All that are near are found before they are cut, or it would hope for enough of them in whatever order; and
-- how they stand is looked up of those that are left, or it would read media for the many that it expects. A photo whose row
-- is gone has no status.
-- in hash: text, in hexadecimal
-- in probes: int[], bands that near hashes may have
-- in within: int, bits
-- in but: uuid, the photo itself; null for none
-- in limit: bigint, rows
-- out media_id, user_id, distance, status, reason, uploaded_at, decided_at, seen_at
WITH near AS MATERIALIZED (
    SELECT DISTINCT p.media_id, p.user_id, p.at, d.distance
    FROM unnest(%(probes)s::int[]) AS probe
    CROSS JOIN LATERAL (SELECT media_id, user_id, hash, at FROM lomi.photo_hashes WHERE bands @> ARRAY[probe]) AS p
    CROSS JOIN LATERAL (
        SELECT length(replace(
            (('x' || encode(p.hash, 'hex'))::bit(256) # ('x' || %(hash)s::text)::bit(256))::text, '0', ''
        )) AS distance
    ) AS d
    WHERE d.distance <= %(within)s::int AND p.media_id IS DISTINCT FROM %(but)s::uuid
),
nearest AS MATERIALIZED (
    SELECT media_id, user_id, at, distance FROM near ORDER BY distance, at DESC, media_id LIMIT %(limit)s::bigint
)
SELECT h.media_id, h.user_id, h.distance, m.moderation_status::text AS status, m.moderation_reason AS reason,
       m.created_at AS uploaded_at, m.moderated_at AS decided_at, h.at AS seen_at
FROM nearest AS h LEFT JOIN media AS m ON m.id = h.media_id
ORDER BY h.distance, h.at DESC, h.media_id;
