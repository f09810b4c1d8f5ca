-- `users` and `media` as the backend makes them before its moderation migration. Only for the local stack: elsewhere
-- these tables are the backend's.
DO $$
BEGIN
    IF to_regtype('media_type') IS NULL THEN
        CREATE TYPE media_type AS ENUM ('photo', 'video');
    END IF;
END
$$;

CREATE TABLE IF NOT EXISTS users (
    id uuid PRIMARY KEY DEFAULT uuid_generate_v4(),
    telegram_id bigint UNIQUE,
    name text,
    is_active boolean DEFAULT true,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now()
);

CREATE TABLE IF NOT EXISTS media (
    id uuid PRIMARY KEY DEFAULT uuid_generate_v4(),
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    media_type media_type NOT NULL,
    url text NOT NULL,
    thumbnail_url text,
    duration_seconds int,
    display_order int NOT NULL DEFAULT 1,
    is_approved boolean DEFAULT false,
    moderation_notes text,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now()
);
