"""Policies: what there are, what they would change, which one holds."""
