"""`/quan-tri/doi-soat` and `/api/operations/reconciliation`: what stands still in a service, what to do.

Looked up at the moment of asking, so that page and API are right in every process, whoever sweeps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from shared.errors import Unavailable
from shared.messaging.sole_worker import SoleWorker
from shared.messaging.stuck import messaging_rules
from shared.reconciling import Reconciler, Rule
from shared.service import Service
from shared.web.pages import render
from shared.web.roles import Role, allow


class Reconciliation:
    """The reconciler of a service as its application needs it: `running` beside, with route and page."""

    def __init__(self, service: Service[Any], rules: Sequence[Rule]) -> None:
        self._name = service.name
        self.reconciler = Reconciler(
            service.transactions,
            [*rules, *messaging_rules(service.transactions, service.guard)],
            service.settings.reconcile_seconds,
        )
        self._worker = SoleWorker(service.engine, "reconciliation", self.reconciler.work)
        self.running = self._worker.running
        self.router = self._routes()

    @property
    def ready_checks(self) -> Mapping[str, Callable[[], None]]:
        """Red when nobody sweeps any more."""
        return {"reconciliation": self._check}

    def _check(self) -> None:
        if not self._worker.alive:
            raise Unavailable("Bộ đối soát đã dừng.")

    def _routes(self) -> APIRouter:
        router = APIRouter()
        overseers = allow(Role.ADMINISTRATOR, Role.INSPECTOR)

        @router.get("/api/operations/reconciliation", dependencies=[overseers])
        def reconciliation() -> dict[str, Any]:
            """Every rule with what it finds now."""
            now = self.reconciler.transactions.clock()
            return {"service": self._name, "now": now.isoformat(), "rules": self._as_json()}

        @router.get("/quan-tri/doi-soat", dependencies=[overseers], include_in_schema=False)
        def page(request: Request) -> Response:
            """The same for people."""
            return render(
                request, "reconciliation.html", reports=self.reconciler.look(), own_service=self._name
            )

        return router

    def _as_json(self) -> list[dict[str, Any]]:
        return [
            {
                "rule": report.rule.name,
                "title": report.rule.title,
                "looked": not report.failed,
                "findings": [
                    {
                        "subject": finding.subject,
                        "since": finding.since.isoformat(),
                        "advice": finding.advice,
                        **finding.ids,
                    }
                    for finding in report.findings
                ],
            }
            for report in self.reconciler.look()
        ]
