CREATE INDEX CONCURRENTLY IF NOT EXISTS photo_hashes_wide_02 ON lomi.photo_hashes
    ((get_byte(hash, 6) * 65536 + get_byte(hash, 7) * 256 + get_byte(hash, 8)));
