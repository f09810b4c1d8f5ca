-- The six columns of the moderation migration. A constant default makes this a change of the catalogue alone, however
-- many rows there are.
ALTER TABLE media
    ADD COLUMN IF NOT EXISTS moderation_status varchar(20) DEFAULT 'pending',
    ADD COLUMN IF NOT EXISTS moderation_reason text,
    ADD COLUMN IF NOT EXISTS moderated_at timestamptz,
    ADD COLUMN IF NOT EXISTS moderation_scores jsonb,
    ADD COLUMN IF NOT EXISTS retry_count int DEFAULT 0,
    ADD COLUMN IF NOT EXISTS batch_id uuid;
