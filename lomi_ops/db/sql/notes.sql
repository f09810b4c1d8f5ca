-- What people say to each other about a photo or a user.

-- name: note_put
-- Adds a note.
-- in at: timestamptz
-- in actor: text
-- in user_id: uuid
-- in media_id: uuid, null for one about the user
-- in text: text
-- out id
INSERT INTO lomi.notes (at, actor, user_id, media_id, text)
VALUES (%(at)s, %(actor)s, %(user_id)s, %(media_id)s, %(text)s)
RETURNING id;

-- name: notes_listed
-- Notes, the latest first.
-- in user_id: uuid, null for any
-- in media_id: uuid, null for any
-- in actor: text, null for anybody's
-- in search: text, a pattern of ILIKE; null for any
-- in before: bigint, id; null for the latest
-- in limit: bigint, rows
-- out id, at, actor, user_id, media_id, text
SELECT id, at, actor, user_id, media_id, text
FROM lomi.notes
WHERE (%(user_id)s::uuid IS NULL OR user_id = %(user_id)s::uuid)
  AND (%(media_id)s::uuid IS NULL OR media_id = %(media_id)s::uuid)
  AND (%(actor)s::text IS NULL OR actor = %(actor)s::text)
  AND (%(search)s::text IS NULL OR text ILIKE %(search)s::text)
  AND (%(before)s::bigint IS NULL OR id < %(before)s::bigint)
ORDER BY id DESC
LIMIT %(limit)s;
