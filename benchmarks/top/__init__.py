"""What the live view costs."""
