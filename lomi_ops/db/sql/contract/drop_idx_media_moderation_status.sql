DROP INDEX CONCURRENTLY IF EXISTS idx_media_moderation_status;
