CREATE INDEX CONCURRENTLY IF NOT EXISTS media_piles ON media (moderation_status, created_at DESC NULLS LAST, id)
WHERE moderation_status IN ('rejected', 'failed') OR moderation_status = 'pending' AND moderation_reason = 'needs_review';
