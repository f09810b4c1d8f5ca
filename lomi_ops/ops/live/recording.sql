-- The statements of a recording, for SQLite. Each begins with its name.

-- name: tables
CREATE TABLE IF NOT EXISTS minutes (minute INTEGER PRIMARY KEY, frames BLOB NOT NULL, peaks BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS marks (at_ms INTEGER NOT NULL, text TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS marks_at ON marks (at_ms);

-- name: minute_put
INSERT OR REPLACE INTO minutes VALUES (:minute, :frames, :peaks);

-- name: mark_put
INSERT INTO marks VALUES (:at_ms, :text);

-- name: minutes_forget
DELETE FROM minutes WHERE minute <= :minute;

-- name: marks_forget
DELETE FROM marks WHERE at_ms < :at_ms;

-- name: oldest
SELECT minute FROM minutes ORDER BY minute LIMIT :number;

-- name: ends
SELECT min(minute), max(minute) FROM minutes;

-- name: frames
SELECT frames FROM minutes WHERE minute = :minute;

-- name: minute_up_to
SELECT max(minute) FROM minutes WHERE minute <= :minute;

-- name: minute_from
SELECT min(minute) FROM minutes WHERE minute >= :minute;

-- name: peaks
SELECT minute, peaks FROM minutes WHERE minute > :after AND minute <= :until ORDER BY minute;

-- name: marks
SELECT at_ms, text FROM marks WHERE at_ms > :low AND at_ms < :high ORDER BY at_ms, rowid;

-- name: used
SELECT (page_count - freelist_count) * page_size
FROM pragma_page_count, pragma_freelist_count, pragma_page_size;
