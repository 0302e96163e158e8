"""The published language: envelope, topic registry, and one event module per owning service."""
