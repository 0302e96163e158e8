"""What can be asked of routing, and the ports it needs."""
