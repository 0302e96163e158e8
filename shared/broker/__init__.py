"""An embedded single-node Kafka broker over SQLite, for development and small single-office pilots.

See `docs/broker.md`. Any Kafka client speaks to it; Apache Kafka replaces it by address alone.
"""
