"""The live view without its screen: looks, and what is kept of them."""
