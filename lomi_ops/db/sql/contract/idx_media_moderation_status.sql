CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_media_moderation_status
    ON media (moderation_status) WHERE moderation_status = 'pending';
