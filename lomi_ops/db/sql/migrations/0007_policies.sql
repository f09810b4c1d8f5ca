-- oldest writer: 1
-- Which policy holds, since when and why; and what others would have said.

-- The row with the highest id holds; none, or one without arms: what each worker's configuration names.
CREATE TABLE lomi.policy_activations (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    actor text NOT NULL CHECK (actor <> ''),
    reason text NOT NULL CHECK (reason <> ''),
    arms jsonb NOT NULL,
    shadows jsonb NOT NULL DEFAULT '[]',
    takes_back bigint
);
COMMENT ON COLUMN lomi.policy_activations.arms IS '[{"share", "policy"}]: whole policies, and whose photos each judges as a share';
COMMENT ON COLUMN lomi.policy_activations.shadows IS 'policies that are only asked what they would say';
COMMENT ON COLUMN lomi.policy_activations.takes_back IS 'of a rollback: id of the activation that it takes back';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON lomi.policy_activations
    FOR EACH STATEMENT EXECUTE FUNCTION lomi.refuse_change();

ALTER TABLE lomi.decisions ADD COLUMN shadows jsonb;
COMMENT ON COLUMN lomi.decisions.shadows IS '[{"policy", "outcome", "reason"}]: what shadow policies said of the same findings';
