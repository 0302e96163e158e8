"""Routing's ports filled in: solver, travel times, storage."""
