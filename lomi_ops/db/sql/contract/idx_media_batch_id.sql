CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_media_batch_id ON media (batch_id);
