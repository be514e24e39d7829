"""Volumes: reading, checking and describing 3-D images and masks."""
