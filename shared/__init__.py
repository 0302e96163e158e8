"""What the three services have in common. Knows no service."""
