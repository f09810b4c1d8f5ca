-- Findings that may be taken again for a photo with the very same bytes.

-- name: reuse_ready
-- Whether there is an index to look for bytes with: without it each look-up would read the whole log.
-- out ready
SELECT coalesce(bool_and(indisvalid), false) AS ready
FROM pg_index WHERE indexrelid = to_regclass('lomi.decisions_bytes');

-- name: reuse_find
-- What a person has decided last on a photo with these bytes; where nobody has, the last decision for which engines were
-- asked about them under the same inputs. One row at most.
-- in sha256: text
-- in inputs: text
-- in since: timestamptz
-- out person, id, at, photo, engines, findings, ms, hash
SELECT d.actor <> 'worker' AS person, d.id, d.at, d.photo, d.engines, d.findings, d.processing_ms AS ms, h.hash
FROM lomi.decisions AS d LEFT JOIN lomi.photo_hashes AS h ON h.media_id = d.media_id
WHERE left(d.photo_sha256, 16) = left(%(sha256)s::text, 16) AND d.photo_sha256 = %(sha256)s::text
  AND (d.actor <> 'worker' OR (d.inputs = %(inputs)s::text AND d.at >= %(since)s::timestamptz))
ORDER BY person DESC, d.id DESC
LIMIT 1;
