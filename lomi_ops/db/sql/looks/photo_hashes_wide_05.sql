CREATE INDEX CONCURRENTLY IF NOT EXISTS photo_hashes_wide_05 ON lomi.photo_hashes
    ((get_byte(hash, 15) * 65536 + get_byte(hash, 16) * 256 + get_byte(hash, 17)));
