CREATE INDEX CONCURRENTLY IF NOT EXISTS media_minors ON media (created_at, id)
WHERE moderation_reason = 'underage'
   OR moderation_scores @> '{"grounds": [{"reason": "underage"}]}'
   OR CASE WHEN jsonb_typeof(moderation_scores -> 'estimated_age') = 'number'
           THEN ((moderation_scores ->> 'estimated_age')::numeric < 18)::int END = 1;
