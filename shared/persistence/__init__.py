"""Databases: engines, transactions, locks and migrations, the same for every service."""
