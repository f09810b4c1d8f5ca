-- The audit.

-- name: audit_insert
-- Adds an entry.
-- in at: timestamptz
-- in actor: text
-- in action: text
-- in subject: text
-- in reason: text
-- in before: jsonb
-- in after: jsonb
-- out nothing
INSERT INTO lomi.audit (at, actor, action, subject, reason, before, after)
VALUES (%(at)s, %(actor)s, %(action)s, %(subject)s, %(reason)s, %(before)s, %(after)s);

-- name: audit_insert_many
-- Adds many entries to the audit.
-- in at: timestamptz
-- in actor: text
-- in action: text
-- in entries: jsonb, [{"subject", "before", "after"}]
-- out nothing
INSERT INTO lomi.audit (at, actor, action, subject, before, after)
SELECT %(at)s::timestamptz, %(actor)s::text, %(action)s::text, e.subject, coalesce(e.before, '{}'), coalesce(e.after, '{}')
FROM jsonb_to_recordset(%(entries)s::jsonb) AS e (subject text, before jsonb, after jsonb);

-- name: audit_entries
-- The latest entries first.
-- in subject: text, null for any
-- in actor: text, null for any
-- in limit: bigint, rows
-- out actor, action, subject, at, reason, before, after
SELECT actor, action, subject, at, reason, before, after
FROM lomi.audit
WHERE (%(subject)s::text IS NULL OR subject = %(subject)s::text)
  AND (%(actor)s::text IS NULL OR actor = %(actor)s::text)
ORDER BY id DESC
LIMIT %(limit)s;

-- name: audit_listed
-- Entries with their links, the latest first.
-- in actor: text, null for any
-- in action: text, whole or the part before the dot; null for any
-- in subject: text, whole or what stands behind its colon; null for any
-- in start: timestamptz, null for any
-- in end: timestamptz, excluded; null for any
-- in text: text, anywhere in what the entry says; null for any
-- in limit: bigint, rows
-- out id, seq, at, actor, action, subject, reason, before, after, erased_at, commitment, previous, hash
SELECT a.id, c.seq, a.at, a.actor, a.action, a.subject, a.reason, a.before, a.after, a.erased_at,
       encode(c.commitment, 'hex') AS commitment, encode(c.previous, 'hex') AS previous, encode(c.hash, 'hex') AS hash
FROM lomi.audit AS a
LEFT JOIN lomi.audit_chain AS c ON c.audit_id = a.id
WHERE (%(actor)s::text IS NULL OR a.actor = %(actor)s::text)
  AND (%(action)s::text IS NULL OR a.action = %(action)s::text OR split_part(a.action, '.', 1) = %(action)s::text)
  AND (%(subject)s::text IS NULL OR a.subject = %(subject)s::text
       OR substr(a.subject, position(':' in a.subject) + 1) = %(subject)s::text)
  AND (%(start)s::timestamptz IS NULL OR a.at >= %(start)s::timestamptz)
  AND (%(end)s::timestamptz IS NULL OR a.at < %(end)s::timestamptz)
  AND (%(text)s::text IS NULL
       OR position(lower(%(text)s::text) in lower(concat_ws(' ', a.subject, a.reason, a.before::text, a.after::text))) > 0)
ORDER BY a.id DESC
LIMIT %(limit)s;

-- name: audit_get
-- One entry with its link.
-- in seq: bigint, its place in the chain
-- out id, seq, at, actor, action, subject, reason, before, after, erased_at, commitment, previous, hash
SELECT a.id, c.seq, a.at, a.actor, a.action, a.subject, a.reason, a.before, a.after, a.erased_at,
       encode(c.commitment, 'hex') AS commitment, encode(c.previous, 'hex') AS previous, encode(c.hash, 'hex') AS hash
FROM lomi.audit_chain AS c
JOIN lomi.audit AS a ON a.id = c.audit_id
WHERE c.seq = %(seq)s;

-- name: audit_links
-- The chain in its order, with the words of each entry as they are hashed; `said` is false where the entry is gone.
-- Nothing of ours computes here: a function can be replaced by whoever changes rows.
-- in after: bigint, the last place that was read
-- in limit: bigint, rows
-- out seq, at_us, action, commitment, previous, hash, said, said_at_us, actor, said_action, subject, reason, before
-- out after, salt, erased
SELECT c.seq, CASE WHEN isfinite(c.at) THEN round(extract(epoch FROM c.at) * 1000000)::bigint ELSE 0 END AS at_us,
       coalesce(c.action, '') AS action, coalesce(c.commitment, '') AS commitment,
       coalesce(c.previous, '') AS previous, coalesce(c.hash, '') AS hash, a.id IS NOT NULL AS said,
       CASE WHEN isfinite(a.at) THEN round(extract(epoch FROM a.at) * 1000000)::bigint ELSE 0 END AS said_at_us,
       coalesce(a.actor, '') AS actor, coalesce(a.action, '') AS said_action, coalesce(a.subject, '') AS subject,
       coalesce(a.reason, '') AS reason, coalesce(a.before::text, '') AS before, coalesce(a.after::text, '') AS after,
       a.salt, a.erased_at IS NOT NULL AS erased
FROM (
    SELECT * FROM lomi.audit_chain WHERE seq > %(after)s::bigint ORDER BY seq LIMIT %(limit)s
) AS c
LEFT JOIN lomi.audit AS a ON a.id = c.audit_id
ORDER BY c.seq;

-- name: audit_beside
-- Entries to which no link leads.
-- in limit: bigint, rows
-- out id
SELECT a.id
FROM lomi.audit AS a
WHERE NOT EXISTS (SELECT FROM lomi.audit_chain AS c WHERE c.audit_id = a.id)
ORDER BY a.id
LIMIT %(limit)s;

-- name: audit_head
-- What is kept as the last link.
-- out seq, hash
SELECT seq, hash FROM lomi.audit_head;

-- name: audit_end
-- The head, and the last link beside it.
-- out seq, hash, last, last_hash
SELECT h.seq, h.hash, c.seq AS last, c.hash AS last_hash
FROM lomi.audit_head AS h
LEFT JOIN LATERAL (SELECT seq, hash FROM lomi.audit_chain ORDER BY seq DESC LIMIT 1) AS c ON true;
