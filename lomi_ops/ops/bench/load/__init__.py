"""`lomi bench load`: the whole system, driven as users drive it."""
