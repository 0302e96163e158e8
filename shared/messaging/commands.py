"""The way in: a command is executed once, in one transaction, and answers the same when repeated."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from shared.actor import Actor
from shared.contracts.envelope import ActorRef, Event
from shared.errors import RuleBroken, Unavailable
from shared.messaging.guard import EventHandler
from shared.messaging.tables import Answer
from shared.messaging.unit_of_work import Transactions, UnitOfWork
from shared.persistence.engine import can_be_repeated, is_outage

log = structlog.get_logger(__name__)


class Command(BaseModel):
    """What somebody wants done, in the imperative; checked by pydantic before anything else happens."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


CommandHandler = Callable[[Any, UnitOfWork, Any], dict[str, Any]]
"""`handler(command, uow, ports)` decides, writes, publishes, and returns a JSON-able answer."""


@dataclass(frozen=True)
class CommandBus:
    """Executes the commands of one service. `ports` are the outside things its handlers use."""

    transactions: Transactions
    handlers: Mapping[type[Command], CommandHandler]
    ports: Any
    attempts: int = 8

    def execute(
        self, command: Command, actor: Actor | ActorRef, idempotency_key: str | None = None
    ) -> dict[str, Any]:
        """Runs the handler and returns its answer.

        With an idempotency key the first answer is kept in the same transaction and given again.
        Raises the handler's Problem, RuleBroken when the key was used for something else, Unavailable when
        the database does not answer (nothing was changed then).
        """
        retrying = Retrying(
            retry=retry_if_exception(_lost_a_race),
            stop=stop_after_attempt(self.attempts),
            wait=wait_random_exponential(multiplier=0.02, max=1),
            reraise=True,
        )
        try:
            return retrying(self._execute_once, command, actor, idempotency_key)
        except SQLAlchemyError as error:
            if not is_outage(error):
                raise
            log.warning("command.unavailable", command=type(command).__name__, error=type(error).__name__)
            raise Unavailable("Hệ thống đang bận, chưa ghi nhận được. Ông/Bà thử lại sau ít phút.") from error

    def _execute_once(
        self, command: Command, actor: Actor | ActorRef, idempotency_key: str | None
    ) -> dict[str, Any]:
        scope = f"{actor.account}/{type(command).__name__}"
        fingerprint = hashlib.sha256(command.model_dump_json().encode()).hexdigest()
        with self.transactions.begin(actor) as uow:
            if idempotency_key is not None:
                earlier = uow.session.get(Answer, (scope, idempotency_key))
                if earlier is not None:
                    return _same_answer(earlier, fingerprint)
            answer = self.handlers[type(command)](command, uow, self.ports)
            if idempotency_key is not None:
                uow.session.add(
                    Answer(
                        scope=scope,
                        idempotency_key=idempotency_key,
                        fingerprint=fingerprint,
                        answer=answer,
                        given_at=uow.now,
                    )
                )
            return answer


def _lost_a_race(error: BaseException) -> bool:
    """Whether the same command will do better the next time: another transaction was first."""
    if isinstance(error, IntegrityError):
        return True  # two with the same key, or the same new row: the second reads what the first wrote
    return isinstance(error, DBAPIError) and can_be_repeated(error)


def _same_answer(earlier: Answer, fingerprint: str) -> dict[str, Any]:
    if earlier.fingerprint != fingerprint:
        raise RuleBroken(
            "Mã chống gửi trùng này đã dùng cho một yêu cầu khác.",
            code="idempotency.key_reused",
            hints=("Tải lại trang rồi gửi lại.",),
        )
    return earlier.answer


def bind_events(
    handlers: Mapping[type[Event], Callable[[Any, UnitOfWork, Any], None]], ports: Any
) -> dict[type[Event], EventHandler]:
    """The EVENTS dictionary of a service with its ports filled in, as the guard wants it."""

    def bound(handler: Callable[[Any, UnitOfWork, Any], None]) -> EventHandler:
        return lambda event, uow: handler(event, uow, ports)

    return {event: bound(handler) for event, handler in handlers.items()}
