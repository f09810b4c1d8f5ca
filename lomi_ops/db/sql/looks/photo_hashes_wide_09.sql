CREATE INDEX CONCURRENTLY IF NOT EXISTS photo_hashes_wide_09 ON lomi.photo_hashes
    ((get_byte(hash, 27) * 65536 + get_byte(hash, 28) * 256 + get_byte(hash, 29)));
