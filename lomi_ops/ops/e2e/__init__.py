"""`lomi e2e`: photos from the upload to the published message, each leg against its target."""
