"""PostgreSQL on this machine without Docker: the server that a wheel brings, with a database per service."""
