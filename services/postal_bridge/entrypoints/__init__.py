"""The ways in: JSON API, pages, command line."""
