"""The requests this broker answers, by theme; each module's `register` is its table of contents."""
