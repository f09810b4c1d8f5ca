CREATE INDEX CONCURRENTLY IF NOT EXISTS media_user ON media (user_id, created_at);
