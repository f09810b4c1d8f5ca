-- How jobs ended.

-- name: job_ends_keep
-- Writes down ends that the queue has told, each once.
-- in ends: jsonb, one object per end with the columns of lomi.job_ends
-- out nothing
INSERT INTO lomi.job_ends
    (job_id, entry, what, at, note, user_id, batch_id, photos, slot, host, attempt, first_seen_at, claimed_at,
     error_class, error)
SELECT e.job_id, e.entry, e.what, e.at, e.note, e.user_id, e.batch_id, e.photos, e.slot, e.host, e.attempt,
       e.first_seen_at, e.claimed_at, e.error_class, e.error
FROM jsonb_to_recordset(%(ends)s::jsonb) AS e (
    job_id text, entry text, what text, at timestamptz, note text, user_id uuid, batch_id uuid, photos int, slot text,
    host text, attempt int, first_seen_at timestamptz, claimed_at timestamptz, error_class text, error text)
ON CONFLICT DO NOTHING;

-- name: job_history
-- Jobs that ended in a window, the latest first: settled by the ledger, or told by the queue.
-- in start: timestamptz
-- in end: timestamptz, excluded
-- in user_id: uuid, null for any
-- in outcome: text, null for any
-- in job_ids: text[], null for any
-- in limit: bigint, rows
-- out at, job_id, what, note, error, user_id, photos, attempt, worker, host, waited_s, took_s, approved, rejected
-- out failed, in_review, after, after_at, submission_id, submitted_by
SELECT h.at, h.job_id, h.what, h.note, h.error, coalesce(h.user_id, s.user_id) AS user_id,
       greatest(h.photos, coalesce(cardinality(s.media_ids), 0)) AS photos, h.attempt, h.worker, h.host,
       h.waited_s, h.took_s, h.approved, h.rejected, h.failed, h.in_review, coalesce(later.what, '') AS after,
       later.at AS after_at, s.submission_id, b.actor AS submitted_by
FROM (
    SELECT settled_at AS at, job_id, 'done' AS what, '' AS note, '' AS error, user_id,
           cardinality(media_ids) AS photos, coalesce(attempt, 1) AS attempt, coalesce(worker, '') AS worker,
           coalesce(host, '') AS host,
           CASE WHEN claimed_at IS NOT NULL AND first_seen_at IS NOT NULL
               THEN greatest(0, extract(epoch FROM claimed_at - first_seen_at)) END::float8 AS waited_s,
           (took_ms / 1000)::float8 AS took_s, approved, rejected, failed, in_review
    FROM lomi.jobs
    WHERE settled_at >= %(start)s::timestamptz AND settled_at < %(end)s::timestamptz
      AND (%(job_ids)s::text[] IS NULL OR job_id = ANY(%(job_ids)s::text[]))
      AND CASE coalesce(%(outcome)s::text, 'done')
              WHEN 'done' THEN true
              WHEN 'approved' THEN approved > 0
              WHEN 'rejected' THEN rejected > 0
              WHEN 'failed' THEN failed > 0
              WHEN 'in_review' THEN in_review > 0
              WHEN 'skipped' THEN approved + rejected + failed + in_review = 0
              ELSE false END
    UNION ALL
    SELECT at, job_id, what, note, error, user_id, photos, attempt, slot, host,
           CASE WHEN claimed_at IS NOT NULL AND first_seen_at IS NOT NULL
               THEN greatest(0, extract(epoch FROM claimed_at - first_seen_at)) END::float8,
           CASE WHEN claimed_at IS NOT NULL THEN greatest(0, extract(epoch FROM at - claimed_at)) END::float8, 0, 0, 0, 0
    FROM lomi.job_ends
    WHERE at >= %(start)s::timestamptz AND at < %(end)s::timestamptz
      AND what IN ('dead', 'cancelled', 'lost')
      AND (%(job_ids)s::text[] IS NULL OR job_id = ANY(%(job_ids)s::text[]))
      AND what = coalesce(%(outcome)s::text, what)
) AS h
LEFT JOIN lomi.submitted_jobs AS s ON s.job_id = h.job_id
LEFT JOIN lomi.submissions AS b ON b.id = s.submission_id
LEFT JOIN LATERAL (
    SELECT e.what, e.at FROM lomi.job_ends AS e
    WHERE h.what <> 'done' AND e.job_id = h.job_id AND e.at >= h.at AND e.what IN ('requeued', 'undone', 'purged')
    ORDER BY e.at, e.entry LIMIT 1
) AS later ON true
WHERE %(user_id)s::uuid IS NULL OR coalesce(h.user_id, s.user_id) = %(user_id)s::uuid
ORDER BY h.at DESC, h.job_id
LIMIT %(limit)s;
