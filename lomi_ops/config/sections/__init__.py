"""The sections of the settings, one module for those that belong together."""
