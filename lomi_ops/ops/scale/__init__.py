"""Another number of workers: planned, done, waited for, and made to last."""
