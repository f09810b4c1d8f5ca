"""The app for people who decide on photos: `lomi review`."""
