"""The audit as people use it: looked through, taken elsewhere, and proved."""
