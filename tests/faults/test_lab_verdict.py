"""The lab's judge and its tools have to see and to do what they are there for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.disk import full_disk
from tests.faults.findings import Wrong
from tests.faults.lab.verdict import Marks, compare

PUBLISHED: Marks = {"visit-1": ["a", "b", "c"], "visit-2": ["d"]}
EFFECTS: dict[str, tuple[Marks, set[Wrong]]] = {
    "all as it was said": ({"visit-1": ["a", "b", "c"], "visit-2": ["d"]}, set()),
    "one is missing": ({"visit-1": ["a", "c"], "visit-2": ["d"]}, {Wrong.LOST}),
    "a whole visit is missing": ({"visit-1": ["a", "b", "c"]}, {Wrong.LOST}),
    "one came twice": ({"visit-1": ["a", "a", "b", "c"], "visit-2": ["d"]}, {Wrong.DOUBLED}),
    "one came again later": ({"visit-1": ["a", "b", "c", "a"], "visit-2": ["d"]}, {Wrong.DOUBLED}),
    "one was never said": ({"visit-1": ["a", "b", "c", "x"], "visit-2": ["d"]}, {Wrong.PHANTOM}),
    "one overtook another": ({"visit-1": ["b", "a", "c"], "visit-2": ["d"]}, {Wrong.ORDER}),
    "one belongs elsewhere": ({"visit-1": ["a", "b", "c", "d"]}, {Wrong.LOST, Wrong.PHANTOM}),
}


@pytest.mark.parametrize("name", EFFECTS)
def test_each_difference_is_named(name: str) -> None:
    """A worker that loses, doubles, invents or turns events would be acquitted."""
    effects, expected = EFFECTS[name]
    assert {finding.wrong for finding in compare("worker", PUBLISHED, effects)} == expected


WRITER = """
import sys
for line in sys.stdin:
    try:
        with open(sys.argv[1], "a") as file:
            file.write(line)
        print("written", flush=True)
    except OSError as error:
        print(type(error).__name__, flush=True)
"""


def test_a_full_disk_is_one_and_ends(tmp_path: Path) -> None:
    """A fault that does not happen, or that never ends, would prove nothing about a full disk."""
    command = [sys.executable, "-c", WRITER, str(tmp_path / "file")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None

        def answer() -> str:
            print("line", file=writer.stdin, flush=True)
            return writer.stdout.readline().strip()  # type: ignore[union-attr]

        assert answer() == "written"
        with full_disk(writer.pid):
            assert answer() == "OSError"
        assert answer() == "written"
        writer.stdin.close()
    assert (tmp_path / "file").read_text() == "line\nline\n"
