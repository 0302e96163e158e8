"""The day solver in a process of its own.

OR-Tools keeps Python's interpreter lock while it searches: in the API's process a search of two seconds made
every other request wait up to 0.4 s at a time (measured). Out here it disturbs nobody, a crash of the native
code costs one search and not the service, and a search that never ends can be ended. Problems go in and
progress and solutions come out as pickles through the child's own pipes.
"""

from __future__ import annotations

import importlib
import os
import pickle
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import IO, Any

from services.routing.application.solver_port import DaySolver, OnProgress, Progress
from services.routing.domain.problem import Problem
from services.routing.domain.solution import Solution
from shared.errors import Unavailable

OR_TOOLS = "services.routing.adapters.ortools_solver:OrToolsSolver"
GRACE_SECONDS = 20.0
"""Added to a search's time limit before its process is ended: start, building the model, explaining."""

AT_ONCE = 2
"""Searches running at the same time; further ones wait."""

_Pipe = IO[bytes]


class SolverProcess:
    """A `DaySolver` that searches in child processes, kept for the next search.

    `factory` is `module:class` of the solver inside. Raises Unavailable when the child dies or does not
    answer in time; the next search gets a new one. Children end with their parent.
    """

    def __init__(self, factory: str = OR_TOOLS, grace_seconds: float = GRACE_SECONDS) -> None:
        self._factory = factory
        self._grace = grace_seconds
        self._room = threading.BoundedSemaphore(AT_ONCE)
        self._idle: list[subprocess.Popen[bytes]] = []

    def solve(
        self, problem: Problem, *, time_limit_seconds: float = 2.0, on_progress: OnProgress | None = None
    ) -> Solution:
        """See `DaySolver.solve`; progress is told in the calling thread."""
        with self._room:
            child = self._take()
            timer = threading.Timer(time_limit_seconds + self._grace, child.kill)
            timer.start()
            try:
                solution = _ask(child, problem, time_limit_seconds, on_progress)
            except BaseException:
                _end(child)
                raise
            finally:
                timer.cancel()
            self._idle.append(child)
            return solution

    def close(self) -> None:
        """Ends the children that wait for work."""
        while self._idle:
            _end(self._idle.pop())

    def _take(self) -> subprocess.Popen[bytes]:
        with suppress(IndexError):
            while (child := self._idle.pop()).poll() is not None:
                _end(child)
            return child
        return subprocess.Popen(  # noqa: S603 - our own interpreter and module, nothing typed by anybody
            [sys.executable, "-m", __name__, self._factory],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            start_new_session=True,  # Ctrl-C is for the service, which ends its children itself
        )


def _ask(
    child: subprocess.Popen[bytes], problem: Problem, seconds: float, on_progress: OnProgress | None
) -> Solution:
    try:
        _send(child.stdin, (problem, seconds))
        while True:
            kind, body = _receive(child.stdout)
            if kind == "solution" and isinstance(body, Solution):
                return body
            if kind == "progress" and on_progress and isinstance(body, Progress):
                on_progress(body)
            if kind == "failed":
                raise RuntimeError(f"the solver failed: {body}")
    except (EOFError, OSError, pickle.UnpicklingError) as error:
        raise Unavailable(
            "Bộ tính lộ trình không trả lời. Ông/Bà thử lập lại.", code="solver.unavailable"
        ) from error


def _end(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


def _send(pipe: _Pipe | None, message: Any) -> None:
    if pipe is None:
        raise EOFError
    pickle.dump(message, pipe)
    pipe.flush()


def _receive(pipe: _Pipe | None) -> Any:
    if pipe is None:
        raise EOFError
    return pickle.load(pipe)  # noqa: S301 - written by our own child or parent, through its private pipe


def serve(solver: DaySolver, questions: _Pipe, answers: _Pipe) -> None:
    """The child's life: answer searches until the parent closes the pipe."""
    while True:
        try:
            problem, seconds = _receive(questions)
        except EOFError:
            return
        try:
            solution = solver.solve(
                problem,
                time_limit_seconds=seconds,
                on_progress=lambda progress: _send(answers, ("progress", progress)),
            )
        except Exception as error:  # noqa: BLE001 - told to the parent, which raises it there
            _send(answers, ("failed", repr(error)))
        else:
            _send(answers, ("solution", solution))


def _leave_with_parent(parent: int) -> None:
    """A search must not outlive a service that was killed."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def main() -> None:
    """Entry of the child process. Its stdout carries answers only; other output goes to stderr."""
    module, _, name = sys.argv[1].partition(":")
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    os.nice(5)
    threading.Thread(target=_leave_with_parent, args=(os.getppid(),), daemon=True).start()
    with suppress(BrokenPipeError):
        serve(getattr(importlib.import_module(module), name)(), sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
