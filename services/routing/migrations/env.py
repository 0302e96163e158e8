"""Alembic environment of routing."""

from typing import cast

from alembic import context
from alembic.runtime.environment import EnvironmentContext

from services.routing.application.records import RoutingTable
from shared.messaging.tables import MessagingTable
from shared.persistence.migrations import run_environment

run_environment(cast("EnvironmentContext", context), [MessagingTable.metadata, RoutingTable.metadata])
