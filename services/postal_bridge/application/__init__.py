"""Commands, handlers and read models of postal_bridge."""
