CREATE INDEX CONCURRENTLY IF NOT EXISTS photo_hashes_wide_03 ON lomi.photo_hashes
    ((get_byte(hash, 9) * 65536 + get_byte(hash, 10) * 256 + get_byte(hash, 11)));
