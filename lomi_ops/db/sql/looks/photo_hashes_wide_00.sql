CREATE INDEX CONCURRENTLY IF NOT EXISTS photo_hashes_wide_00 ON lomi.photo_hashes
    ((get_byte(hash, 0) * 65536 + get_byte(hash, 1) * 256 + get_byte(hash, 2)));
