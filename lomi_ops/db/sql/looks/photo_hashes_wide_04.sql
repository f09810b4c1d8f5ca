CREATE INDEX CONCURRENTLY IF NOT EXISTS photo_hashes_wide_04 ON lomi.photo_hashes
    ((get_byte(hash, 12) * 65536 + get_byte(hash, 13) * 256 + get_byte(hash, 14)));
