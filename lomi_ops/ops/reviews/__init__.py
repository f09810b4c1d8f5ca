"""People who review: what lies before them, their decisions, and how these reach the app."""
