"""The live view: `lomi top`."""
