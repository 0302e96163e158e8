from alembic import context

from services.postal_bridge.application.records import PostalTable
from shared.messaging.tables import MessagingTable
from shared.persistence.migrations import run_environment

# Alembic's module stands in for the EnvironmentContext of the run.
run_environment(context, [MessagingTable.metadata, PostalTable.metadata])  # type: ignore[arg-type]
