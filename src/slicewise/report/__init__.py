"""Pages for people: figures, overlays, the viewer, and what numbers mean in words."""
