"""Which crash points lie on the way of which process."""

from __future__ import annotations

SENDING = ("commit.before", "commit.after", "relay.read", "relay.sent", "relay.marked")
"""Passed by whoever answers people and runs the relay: the API of each service."""
HEARING = ("commit.before", "commit.after", "guard.applied", "guard.committed", "worker.acknowledged")
"""Passed by whoever hears foreign events: the worker of each service."""
