"""What one running service gives to its pages: kept once on the application, read by request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from fastapi import Request
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from shared.clock import Clock, system_clock
from shared.web.addresses import Addresses
from shared.web.session import Verifier

if TYPE_CHECKING:
    from jinja2 import Environment


@dataclass(frozen=True)
class Kit:
    """The parts that requests share. `labels` are the Vietnamese names of JSON fields by their path."""

    title: str
    identity: Verifier
    addresses: Addresses
    templates: Environment
    production: bool
    clock: Clock = system_clock
    labels: Mapping[str, str] = field(default_factory=dict)
    limiter: MovingWindowRateLimiter = field(default_factory=lambda: MovingWindowRateLimiter(MemoryStorage()))


def kit_of(request: Request) -> Kit:
    """The kit of the service that answers `request`."""
    return cast("Kit", request.app.state.kit)
