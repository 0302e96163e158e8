"""Zalo Official Account: webhooks in, messages out, and the real protocol between."""
