-- What one person has done lately, for that person alone.

-- name: care_reveals
-- When a person made pictures visible.
-- in actor: text
-- in since: timestamptz
-- out at
SELECT at FROM lomi.reveals WHERE actor = %(actor)s::text AND at >= %(since)s::timestamptz ORDER BY at;

-- name: care_decisions
-- When a person decided, the latest ones.
-- in actor: text
-- in since: timestamptz
-- in limit: bigint, rows
-- out at
SELECT at FROM (
    SELECT id, at FROM lomi.decisions
    WHERE actor = %(actor)s::text AND actor <> 'worker' ORDER BY id DESC LIMIT %(limit)s::bigint
) AS d
WHERE at >= %(since)s::timestamptz
ORDER BY at;
