"""The rules of requests, appointments, addresses and windows, free of frameworks."""
