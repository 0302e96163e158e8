"""Builds the committed reference data from installed packages and from rows written here."""
