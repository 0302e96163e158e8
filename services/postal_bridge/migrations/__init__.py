"""Revisions of the database of postal_bridge."""
