-- What photos look like, and which look alike.

-- name: photo_hashes_open
-- Whether this role may keep hashes here: there is a table for them, and it may add to it.
-- out open
SELECT coalesce(has_table_privilege(to_regclass('lomi.photo_hashes'), 'INSERT'), false) AS open;

-- name: photo_hashes_ground
-- What there is to search in: a table of hashes, and all indexes of wide bands.
-- in indexes: text[], their names
-- out kept, wide
SELECT found.hashes IS NOT NULL AS kept, (
    SELECT count(*) FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
    WHERE i.indrelid = found.hashes AND i.indisvalid AND i.indisready AND c.relname = ANY(%(indexes)s::text[])
) = cardinality(%(indexes)s::text[]) AS wide
FROM (SELECT to_regclass('lomi.photo_hashes')) AS found (hashes);

-- name: photo_hashes_by_index
-- For the rest of a transaction that searches by wide bands: of an index of an expression the server knows how selective it
-- is only once the table was analyzed, and until then it might read the whole table.
-- out seqscan
SELECT set_config('enable_seqscan', 'off', true) AS seqscan;

-- name: photo_hashes_keep
-- Keeps the hashes of photos; one that is known stays as it is, for the picture of a photo never changes.
-- in hashes: jsonb, [{"media_id", "user_id", "hash" in hexadecimal, "bands"}]
-- in at: timestamptz
-- out nothing
INSERT INTO lomi.photo_hashes (media_id, user_id, hash, bands, at)
SELECT h.media_id, h.user_id, decode(h.hash, 'hex'), h.bands, %(at)s::timestamptz
FROM jsonb_to_recordset(%(hashes)s::jsonb) AS h (media_id uuid, user_id uuid, hash text, bands int[])
ON CONFLICT DO NOTHING;

-- name: photo_hashes_of
-- The hashes of photos.
-- in media_ids: uuid[]
-- out media_id, hash
SELECT media_id, hash FROM lomi.photo_hashes WHERE media_id = ANY(%(media_ids)s::uuid[]);

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

-- name: photo_hashes_near_wide
-- The same for several photos in one statement, by the indexes of wide bands: each finds what differs from ours in one of
-- them by as much as it may (`domain/fingerprint.py` says by how much), and the bits are counted here.
-- in media_ids: uuid[], the photos themselves
-- in hashes: text[], of each, in hexadecimal
-- in wide: int[], eleven wide bands of each, one after the other
-- in flips: int[], what one of the first ten may differ by
-- in last_flips: int[], what the last may differ by
-- in within: int, bits
-- in limit: bigint, rows for each
-- out alike, media_id, user_id, distance, status, reason, uploaded_at, decided_at, seen_at
WITH looks AS MATERIALIZED (
    SELECT media_id, ('x' || hash)::bit(256) AS bits,
           (%(wide)s::int[])[11 * place::int - 10 : 11 * place::int] AS wide
    FROM unnest(%(media_ids)s::uuid[], %(hashes)s::text[]) WITH ORDINALITY AS each (media_id, hash, place)
), near AS MATERIALIZED (
    SELECT DISTINCT l.media_id AS alike, p.media_id, p.user_id, p.at, d.distance
    FROM looks AS l
    CROSS JOIN LATERAL (
        SELECT media_id, user_id, hash, at FROM lomi.photo_hashes
        WHERE get_byte(hash, 0) * 65536 + get_byte(hash, 1) * 256 + get_byte(hash, 2)
            = ANY(ARRAY(SELECT l.wide[1] # flip FROM unnest(%(flips)s::int[]) AS flip))
        UNION ALL
        SELECT media_id, user_id, hash, at FROM lomi.photo_hashes
        WHERE get_byte(hash, 3) * 65536 + get_byte(hash, 4) * 256 + get_byte(hash, 5)
            = ANY(ARRAY(SELECT l.wide[2] # flip FROM unnest(%(flips)s::int[]) AS flip))
        UNION ALL
        SELECT media_id, user_id, hash, at FROM lomi.photo_hashes
        WHERE get_byte(hash, 6) * 65536 + get_byte(hash, 7) * 256 + get_byte(hash, 8)
            = ANY(ARRAY(SELECT l.wide[3] # flip FROM unnest(%(flips)s::int[]) AS flip))
        UNION ALL
        SELECT media_id, user_id, hash, at FROM lomi.photo_hashes
        WHERE get_byte(hash, 9) * 65536 + get_byte(hash, 10) * 256 + get_byte(hash, 11)
            = ANY(ARRAY(SELECT l.wide[4] # flip FROM unnest(%(flips)s::int[]) AS flip))
        UNION ALL
        SELECT media_id, user_id, hash, at FROM lomi.photo_hashes
        WHERE get_byte(hash, 12) * 65536 + get_byte(hash, 13) * 256 + get_byte(hash, 14)
            = ANY(ARRAY(SELECT l.wide[5] # flip FROM unnest(%(flips)s::int[]) AS flip))
        UNION ALL
        SELECT media_id, user_id, hash, at FROM lomi.photo_hashes
        WHERE get_byte(hash, 15) * 65536 + get_byte(hash, 16) * 256 + get_byte(hash, 17)
            = ANY(ARRAY(SELECT l.wide[6] # flip FROM unnest(%(flips)s::int[]) AS flip))
        UNION ALL
        SELECT media_id, user_id, hash, at FROM lomi.photo_hashes
        WHERE get_byte(hash, 18) * 65536 + get_byte(hash, 19) * 256 + get_byte(hash, 20)
            = ANY(ARRAY(SELECT l.wide[7] # flip FROM unnest(%(flips)s::int[]) AS flip))
        UNION ALL
        SELECT media_id, user_id, hash, at FROM lomi.photo_hashes
        WHERE get_byte(hash, 21) * 65536 + get_byte(hash, 22) * 256 + get_byte(hash, 23)
            = ANY(ARRAY(SELECT l.wide[8] # flip FROM unnest(%(flips)s::int[]) AS flip))
        UNION ALL
        SELECT media_id, user_id, hash, at FROM lomi.photo_hashes
        WHERE get_byte(hash, 24) * 65536 + get_byte(hash, 25) * 256 + get_byte(hash, 26)
            = ANY(ARRAY(SELECT l.wide[9] # flip FROM unnest(%(flips)s::int[]) AS flip))
        UNION ALL
        SELECT media_id, user_id, hash, at FROM lomi.photo_hashes
        WHERE get_byte(hash, 27) * 65536 + get_byte(hash, 28) * 256 + get_byte(hash, 29)
            = ANY(ARRAY(SELECT l.wide[10] # flip FROM unnest(%(flips)s::int[]) AS flip))
        UNION ALL
        SELECT media_id, user_id, hash, at FROM lomi.photo_hashes
        WHERE mod(bit_count(hash), 2)::int * 65536 + get_byte(hash, 30) * 256 + get_byte(hash, 31)
            = ANY(ARRAY(SELECT l.wide[11] # flip FROM unnest(%(last_flips)s::int[]) AS flip))
    ) AS p
    CROSS JOIN LATERAL (SELECT bit_count(('x' || encode(p.hash, 'hex'))::bit(256) # l.bits)::int AS distance) AS d
    WHERE d.distance <= %(within)s::int AND p.media_id <> l.media_id
), nearest AS MATERIALIZED (
    SELECT *, row_number() OVER (PARTITION BY alike ORDER BY distance, at DESC, media_id) AS place FROM near
)
SELECT h.alike, h.media_id, h.user_id, h.distance, m.moderation_status::text AS status, m.moderation_reason AS reason,
       m.created_at AS uploaded_at, m.moderated_at AS decided_at, h.at AS seen_at
FROM nearest AS h LEFT JOIN media AS m ON m.id = h.media_id
WHERE h.place <= %(limit)s::bigint
ORDER BY h.alike, h.place;
