"""The ways into routing: JSON API, pages, command line."""
