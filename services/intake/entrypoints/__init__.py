"""How the world reaches intake: pages, JSON API, webhook and command line."""
