"""An operator's own numbers, from what is configured: each probe works on things of its own and removes them."""
