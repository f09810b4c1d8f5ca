CREATE INDEX CONCURRENTLY IF NOT EXISTS photo_hashes_wide_01 ON lomi.photo_hashes
    ((get_byte(hash, 3) * 65536 + get_byte(hash, 4) * 256 + get_byte(hash, 5)));
