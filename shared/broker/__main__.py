"""`python -m shared.broker`."""

from shared.broker.cli import app

app(prog_name="broker")
