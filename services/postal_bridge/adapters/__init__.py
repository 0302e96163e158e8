"""Clients of outside systems; none yet."""
