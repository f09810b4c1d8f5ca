CREATE INDEX CONCURRENTLY IF NOT EXISTS photo_hashes_wide_10 ON lomi.photo_hashes
    ((mod(bit_count(hash), 2)::int * 65536 + get_byte(hash, 30) * 256 + get_byte(hash, 31)));
