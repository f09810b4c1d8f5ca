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
