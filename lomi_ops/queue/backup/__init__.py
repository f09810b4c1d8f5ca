"""The queue as a file, and back: every key by its type, so that any server of the family reads what another wrote."""
