"""A stand-in for Zalo on one's own machine: the real protocol, an inbox to read, a form to write.

Zalo has no sandbox, so development, demonstrations and tests talk to this. It keeps its messages in a
SQLite file, refuses what Zalo refuses (with Zalo's codes) and can be told to fail. Never for production.
"""
