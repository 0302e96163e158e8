"""Apache Kafka on this machine without Docker: its jars by Maven, one node as broker and controller."""
