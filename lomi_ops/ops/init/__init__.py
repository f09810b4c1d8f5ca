"""`lomi init`: from an env file, a Compose file and what answers to a configuration."""
