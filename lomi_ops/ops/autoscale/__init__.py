"""Adding and taking workers by what the queue needs."""
