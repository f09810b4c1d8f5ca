"""`lomi jobs`: photos handed in by people, in runs that outlive a terminal and a Redis."""
