CREATE INDEX CONCURRENTLY IF NOT EXISTS photo_hashes_wide_08 ON lomi.photo_hashes
    ((get_byte(hash, 24) * 65536 + get_byte(hash, 25) * 256 + get_byte(hash, 26)));
