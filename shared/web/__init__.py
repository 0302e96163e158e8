"""The web kit: one way to sign in, to refuse, to render and to read a form for all services."""
