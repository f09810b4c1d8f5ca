"""The local stack: real Postgres, real Redis or Valkey, a directory of objects and workers, on this machine."""
