"""The workers: who is there, their logs, and telling them what to do."""
