"""Intake: requests from every channel, appointments, notices, accounts, and the reference data."""
