"""Routing: which postal worker visits whom and when."""
