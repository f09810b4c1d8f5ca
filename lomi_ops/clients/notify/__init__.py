"""Telling somebody: a signed webhook, whatever Apprise reaches, and the dead man's switch."""
