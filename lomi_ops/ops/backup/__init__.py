"""Backups: making them, trying them, putting them back, and knowing when the last one was."""
