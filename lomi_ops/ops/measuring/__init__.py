"""The cluster in numbers: one reader per source, each of which may fall silent alone."""
