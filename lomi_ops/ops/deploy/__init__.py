"""Files for whatever runs the cluster, and putting a new version on it."""
