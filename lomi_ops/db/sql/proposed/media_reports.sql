CREATE INDEX CONCURRENTLY IF NOT EXISTS media_reports ON media (created_at)
    INCLUDE (media_type, user_id, batch_id, moderated_at, moderation_status, moderation_reason);
