"""Alerts: looking at the numbers, telling people, and telling them when it is over."""
