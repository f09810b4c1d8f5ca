"""`lomi demo`: the main job of the system, once, with photos whose decision is known beforehand."""
