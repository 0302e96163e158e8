"""Alembic environment of intake."""

from typing import cast

from alembic import context
from alembic.runtime.environment import EnvironmentContext

from services.intake.adapters.zalo.tables import ZaloTable
from services.intake.application.records import IntakeTable
from shared.messaging.tables import MessagingTable
from shared.persistence.migrations import run_environment

run_environment(
    cast("EnvironmentContext", context),
    [MessagingTable.metadata, IntakeTable.metadata, ZaloTable.metadata],
)
