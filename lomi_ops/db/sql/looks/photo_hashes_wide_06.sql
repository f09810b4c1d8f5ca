CREATE INDEX CONCURRENTLY IF NOT EXISTS photo_hashes_wide_06 ON lomi.photo_hashes
    ((get_byte(hash, 18) * 65536 + get_byte(hash, 19) * 256 + get_byte(hash, 20)));
