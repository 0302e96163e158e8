"""Guessing is slowed down."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI
from fastapi.testclient import TestClient


def test_the_fourth_guess_in_a_minute_is_refused(client: TestClient) -> None:
    """The last four digits of a phone could be tried out."""
    answers = [client.post("/guess", data={"code": "B1"}) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    refused = answers[-1]
    assert 1 <= int(refused.headers["retry-after"]) <= 61
    assert refused.json()["code"] == "request.too_many"
    assert refused.json()["retryable"] is True


def test_keys_are_counted_apart_whatever_their_case(client: TestClient) -> None:
    """One guessed code would block all others, or capitals would give new tries."""
    for _ in range(3):
        client.post("/guess", data={"code": "b1"})
    assert client.post("/guess", data={"code": "B1 "}).status_code == 429
    assert client.post("/guess", data={"code": "B2"}).status_code == 200


def test_services_count_apart(make_app: Callable[..., FastAPI], client: TestClient) -> None:
    """Tests and services in one process would block each other."""
    for _ in range(4):
        client.post("/guess", data={"code": "B1"})
    assert TestClient(make_app()).post("/guess", data={"code": "B1"}).status_code == 200


def test_a_person_reads_when_to_come_back(client: TestClient) -> None:
    """People would see JSON after a few typing errors."""
    for _ in range(4):
        page = client.post("/guess", data={"code": "B1"}, headers={"accept": "text/html"})
    assert page.status_code == 429
    assert "sau 1 phút" in page.text
