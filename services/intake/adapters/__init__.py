"""The outside world: gazetteer, geocoding, Zalo, the log channel, reference files."""
