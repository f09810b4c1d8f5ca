-- oldest writer: 1
-- What people do: decisions in steps, claims, notes, samples, and an audit of which nothing can be changed unseen.

-- The first text of every hash, so that a hash of one kind is never taken for one of another.
-- Each part is its length in bytes, as four bytes with the highest first, and its UTF-8.
CREATE FUNCTION lomi.framed(VARIADIC parts text[]) RETURNS bytea LANGUAGE sql STABLE STRICT AS $$
    SELECT string_agg(
        int4send(octet_length(convert_to(part, 'UTF8'))) || convert_to(part, 'UTF8'), ''::bytea ORDER BY place
    )
    FROM unnest(parts) WITH ORDINALITY AS each (part, place)
$$;

CREATE FUNCTION lomi.microseconds(at timestamptz) RETURNS text LANGUAGE sql STABLE STRICT AS $$
    SELECT round(extract(epoch FROM at) * 1000000)::bigint::text
$$;

-- Append-only stays append-only, but for what a person may ask to have erased: `SET LOCAL lomi.erasing = 'yes'`.
CREATE OR REPLACE FUNCTION lomi.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(current_setting('lomi.erasing', true), '') = 'yes' AND TG_OP <> 'TRUNCATE' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'lomi.% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END
$$;

-- The chain of the audit: for each row of `lomi.audit` what it said, as a salted hash, and the hash of the row before.
CREATE TABLE lomi.audit_chain (
    seq bigint PRIMARY KEY,
    audit_id bigint NOT NULL UNIQUE,
    at timestamptz NOT NULL,
    action text NOT NULL,
    commitment bytea NOT NULL,
    previous bytea NOT NULL,
    hash bytea NOT NULL
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON lomi.audit_chain
    FOR EACH STATEMENT EXECUTE FUNCTION lomi.refuse_change();

-- Its last link: without it the removal of the latest rows would not be seen.
CREATE TABLE lomi.audit_head (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    seq bigint NOT NULL,
    hash bytea NOT NULL
);
INSERT INTO lomi.audit_head (seq, hash) VALUES (0, decode(repeat('00', 32), 'hex'));

ALTER TABLE lomi.audit
    ADD COLUMN salt bytea,
    ADD COLUMN erased_at timestamptz;
COMMENT ON COLUMN lomi.audit.salt IS '32 bytes; without it nobody can tell from the commitment what was said';
COMMENT ON COLUMN lomi.audit.erased_at IS 'reason, before and after are gone then, and the subject, and the salt';

CREATE FUNCTION lomi.committed(
    salt bytea, at timestamptz, actor text, action text, subject text, reason text, before jsonb, after jsonb
) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT sha256(
        salt || lomi.framed(
            'lomi.audit/1', lomi.microseconds(at), actor, action, subject, reason, before::text, after::text
        )
    )
$$;

CREATE FUNCTION lomi.linked(seq bigint, at timestamptz, action text, commitment bytea, previous bytea)
RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT sha256(
        lomi.framed(
            'lomi.audit.chain/1', seq::text, lomi.microseconds(at), action,
            encode(commitment, 'hex'), encode(previous, 'hex')
        )
    )
$$;

-- Whatever program adds a row, an older one too: this is the one way into the chain. The row of the head is locked until
-- the transaction ends, so that the links come one after the other. Who may add to the audit needs no right on the chain.
CREATE FUNCTION lomi.link_audit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    head lomi.audit_head;
    link bytea;
    said bytea;
BEGIN
    NEW.salt := sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
    NEW.erased_at := NULL;
    said := lomi.committed(NEW.salt, NEW.at, NEW.actor, NEW.action, NEW.subject, NEW.reason, NEW.before, NEW.after);
    SELECT * INTO STRICT head FROM lomi.audit_head FOR UPDATE;
    link := lomi.linked(head.seq + 1, NEW.at, NEW.action, said, head.hash);
    INSERT INTO lomi.audit_chain (seq, audit_id, at, action, commitment, previous, hash)
    VALUES (head.seq + 1, NEW.id, NEW.at, NEW.action, said, head.hash, link);
    UPDATE lomi.audit_head SET seq = head.seq + 1, hash = link;
    RETURN NEW;
END
$$;

-- Entries from before the chain, in the order in which they were made.
DO $$
DECLARE
    entry lomi.audit;
    head lomi.audit_head;
    drawn bytea;
    said bytea;
    link bytea;
BEGIN
    PERFORM set_config('lomi.erasing', 'yes', true);
    SELECT * INTO STRICT head FROM lomi.audit_head FOR UPDATE;
    FOR entry IN SELECT * FROM lomi.audit ORDER BY id LOOP
        drawn := sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
        said := lomi.committed(
            drawn, entry.at, entry.actor, entry.action, entry.subject, entry.reason, entry.before, entry.after
        );
        link := lomi.linked(head.seq + 1, entry.at, entry.action, said, head.hash);
        UPDATE lomi.audit SET salt = drawn WHERE id = entry.id;
        INSERT INTO lomi.audit_chain (seq, audit_id, at, action, commitment, previous, hash)
        VALUES (head.seq + 1, entry.id, entry.at, entry.action, said, head.hash, link);
        head.seq := head.seq + 1;
        head.hash := link;
    END LOOP;
    UPDATE lomi.audit_head SET seq = head.seq, hash = head.hash;
    PERFORM set_config('lomi.erasing', '', true);
END
$$;
CREATE TRIGGER linked BEFORE INSERT ON lomi.audit FOR EACH ROW EXECUTE FUNCTION lomi.link_audit();

-- Who looks at which photo now. Whoever holds the token may decide until it expires.
CREATE TABLE lomi.claims (
    media_id uuid PRIMARY KEY,
    actor text NOT NULL CHECK (actor <> ''),
    token uuid NOT NULL,
    claimed_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX claims_token ON lomi.claims (token);
CREATE INDEX claims_expires_at ON lomi.claims (expires_at);

-- One step of a person: all decisions that one key or one command made.
ALTER TABLE lomi.decisions
    ADD COLUMN step uuid,
    ADD COLUMN undoes bigint,
    ADD COLUMN moderated_before timestamptz;
COMMENT ON COLUMN lomi.decisions.step IS 'of a person: the key press or the command that it was one of';
COMMENT ON COLUMN lomi.decisions.undoes IS 'id of the decision that this one takes back';
COMMENT ON COLUMN lomi.decisions.moderated_before IS 'of a person: when the photo had been decided before';
CREATE INDEX decisions_step ON lomi.decisions (step) WHERE step IS NOT NULL;
CREATE INDEX decisions_people ON lomi.decisions (actor, id) WHERE actor <> 'worker';

-- What people say to each other about a photo or a user; never shown to the user.
CREATE TABLE lomi.notes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    actor text NOT NULL CHECK (actor <> ''),
    user_id uuid NOT NULL,
    media_id uuid,
    text text NOT NULL CHECK (text <> '')
);
COMMENT ON COLUMN lomi.notes.media_id IS 'null: about the user';
CREATE INDEX notes_user_id ON lomi.notes (user_id, id);
CREATE INDEX notes_media_id ON lomi.notes (media_id, id) WHERE media_id IS NOT NULL;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON lomi.notes
    FOR EACH STATEMENT EXECUTE FUNCTION lomi.refuse_change();

-- Pictures that were made visible to somebody: how much a person has looked at, and at what.
CREATE TABLE lomi.reveals (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    actor text NOT NULL CHECK (actor <> ''),
    media_id uuid NOT NULL
);
CREATE INDEX reveals_actor ON lomi.reveals (actor, at);

-- What a photo looks like: 256 bits that stay near each other for the same picture in another size or quality.
CREATE TABLE lomi.photo_hashes (
    media_id uuid PRIMARY KEY,
    user_id uuid NOT NULL,
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    bands int[] NOT NULL,
    at timestamptz NOT NULL
);
COMMENT ON COLUMN lomi.photo_hashes.bands IS 'sixteen numbers, place * 65536 + two bytes of the hash: near hashes share one';
-- A search asks for 272 bands; each would read the whole list of what is not sorted in yet.
CREATE INDEX photo_hashes_bands ON lomi.photo_hashes USING gin (bands) WITH (fastupdate = off);
CREATE INDEX photo_hashes_user_id ON lomi.photo_hashes (user_id);

-- Decided photos that a person looks at without knowing that they are a sample, and what the person said.
CREATE TABLE lomi.samples (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    media_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('approved', 'rejected', 'golden')),
    drawn_at timestamptz NOT NULL,
    probability double precision NOT NULL CHECK (probability > 0 AND probability <= 1),
    status text NOT NULL,
    reason text,
    policy text,
    judged_at timestamptz,
    judged_by text,
    judged_status text,
    judged_reason text
);
COMMENT ON COLUMN lomi.samples.probability IS 'that just this photo was drawn';
COMMENT ON COLUMN lomi.samples.status IS 'as decided when it was drawn; of a golden photo, what is right';
CREATE UNIQUE INDEX samples_waiting ON lomi.samples (media_id) WHERE judged_at IS NULL;
CREATE INDEX samples_drawn_at ON lomi.samples (drawn_at);

-- Users of whom nothing may be erased.
CREATE TABLE lomi.legal_holds (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id uuid NOT NULL,
    at timestamptz NOT NULL,
    actor text NOT NULL CHECK (actor <> ''),
    reason text NOT NULL CHECK (reason <> ''),
    released_at timestamptz,
    released_by text
);
CREATE UNIQUE INDEX legal_holds_user_id ON lomi.legal_holds (user_id) WHERE released_at IS NULL;
