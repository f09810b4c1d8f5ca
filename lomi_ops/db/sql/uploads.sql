-- What the backend writes when a user uploads photos. Only for photos of our own: the demo's and the tests'.

-- name: upload_user
-- A user.
-- in id: uuid
-- in telegram_id: bigint, null for none
-- in name: text
-- out nothing
INSERT INTO users (id, telegram_id, name, is_active)
VALUES (%(id)s::uuid, %(telegram_id)s::bigint, %(name)s::text, true);

-- name: upload_photo
-- A photo that waits for its decision.
-- in id: uuid
-- in user_id: uuid
-- in batch_id: uuid
-- in key: text, of the object
-- in position: int, from 1
-- in at: timestamptz
-- out nothing
INSERT INTO media (id, user_id, media_type, url, display_order, moderation_status, batch_id, created_at, updated_at)
VALUES (%(id)s::uuid, %(user_id)s::uuid, 'photo', %(key)s::text, %(position)s::int, 'pending', %(batch_id)s::uuid,
        %(at)s::timestamptz, %(at)s::timestamptz);

-- name: upload_forget
-- Removes a user and, by the foreign key, the user's photos.
-- in id: uuid
-- out nothing
DELETE FROM users WHERE id = %(id)s::uuid;

-- name: uploads_by_user
-- The users who uploaded most in a window, photos of ours left out: they have no Telegram account, or none that could be.
-- in start: timestamptz
-- in end: timestamptz, excluded
-- in limit: bigint, users
-- out user_id, photos
SELECT media.user_id, count(*)::int AS photos
FROM media JOIN users ON users.id = media.user_id
WHERE media.media_type = 'photo' AND users.telegram_id > 0
  AND media.created_at >= %(start)s::timestamptz AND media.created_at < %(end)s::timestamptz
GROUP BY media.user_id
ORDER BY photos DESC, media.user_id
LIMIT %(limit)s;
