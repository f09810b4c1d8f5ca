CREATE INDEX CONCURRENTLY IF NOT EXISTS photo_hashes_wide_07 ON lomi.photo_hashes
    ((get_byte(hash, 21) * 65536 + get_byte(hash, 22) * 256 + get_byte(hash, 23)));
