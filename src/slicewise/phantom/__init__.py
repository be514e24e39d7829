"""Synthetic patients: anatomy, shapes of organs, and the scanner that sees them."""
