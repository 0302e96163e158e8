"""The Kafka protocol on the wire: requests to handlers, answers to bytes, clear refusals.

The message classes are kafka-python's, generated from Apache Kafka's own schemas. Which of them this
broker answers, and in which versions, is the table that `register` fills.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from kafka.protocol import admin, consumer, metadata, producer

from shared.broker.codes import Code
from shared.broker.metrics import Metrics
from shared.broker.shapes import error_codes, missing_field

log = logging.getLogger("shared.broker.wire")

_HEADER = struct.Struct(">hhi")
HEADER_SIZE = _HEADER.size
"""Bytes of a frame that say which request it is."""
_API_VERSIONS_KEY = 18
_MODULES: tuple[ModuleType, ...] = (metadata, producer, consumer, admin)


class Unanswerable(Exception):
    """A frame that the protocol has no answer to; its connection is to be closed."""


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a connection."""

    host: str


@dataclass(frozen=True, slots=True)
class Call:
    """One request: `body` is a kafka-python request object, `version` the one it was sent in."""

    body: Any
    version: int
    client_id: str
    peer: Peer


Handler = Callable[[Call], Awaitable[Any]]
"""Answers a call with a kafka-python response object, or None when the client wants no answer."""


@dataclass(frozen=True, slots=True)
class Api:
    """One request kind and the versions of it that are answered, both included."""

    request: Any
    oldest: int
    newest: int
    handle: Handler

    @property
    def key(self) -> int:
        """Kafka's number of this API."""
        return int(self.request.API_KEY)


class Protocol:
    """All APIs of a broker; turns a request frame into the frame to send back."""

    def __init__(self, metrics: Metrics) -> None:
        self._apis: dict[int, Api] = {}
        self._metrics = metrics

    def register(self, request: Any, versions: tuple[int, int], handle: Handler) -> None:
        """Answer `request` in `versions` (oldest, newest) with `handle`."""
        api = Api(request, *versions, handle)
        self._apis[api.key] = api

    @staticmethod
    def brings_records(header: bytes) -> bool:
        """Whether a frame beginning like this carries records, and so may be large."""
        return bool(_HEADER.unpack_from(header)[0] == producer.ProduceRequest.API_KEY)

    def supported(self) -> list[Api]:
        """The table of contents, by API key."""
        return [self._apis[key] for key in sorted(self._apis)]

    async def answer(self, frame: bytes, peer: Peer) -> bytes | None:
        """The framed answer to a request frame (without its length), or None for no answer.

        Raises Unanswerable when the frame is no request, or asks for something unsupported in a form
        that cannot carry an error.
        """
        if len(frame) < _HEADER.size:
            raise Unanswerable("shorter than a request header")
        key, version, correlation_id = _HEADER.unpack_from(frame)
        api = self._apis.get(key)
        if api is None or not api.oldest <= version <= api.newest:
            return self._refuse(key, version, correlation_id)
        try:
            body = api.request.decode(frame, version=version, header=True)
        except Exception as wrong:
            raise Unanswerable(f"cannot read {api.request.name} v{version}: {wrong!r}") from wrong
        missing = missing_field(body, version)
        if missing is not None:
            raise Unanswerable(f"{api.request.name} v{version} without {missing}")
        response = await api.handle(Call(body, version, body.header.client_id or "", peer))
        codes = () if response is None else error_codes(response, version)
        self._metrics.answered(api.request.name.removesuffix("Request"), codes)
        return None if response is None else _framed(response, correlation_id)

    def _refuse(self, key: int, version: int, correlation_id: int) -> bytes:
        """UNSUPPORTED_VERSION, for those answers that have a place for it."""
        if key == _API_VERSIONS_KEY:
            return _framed(self._versions_for_newer_client(), correlation_id)
        response = _response_class(key)
        if response is None or not 0 <= version <= response.max_version:
            raise Unanswerable(f"API {key} v{version} is unknown")
        fields = response._struct.fields  # noqa: SLF001 - the schema has no other door
        carries = "error_code" in fields and fields["error_code"].for_version_q(version)
        if not carries:
            raise Unanswerable(f"{response.name} v{version} is not supported and cannot say so")
        log.info("refused %s v%d: not supported", response.name, version)
        self._metrics.answered(response.name.removesuffix("Response"), [Code.UNSUPPORTED_VERSION])
        return _framed(response(version=version, error_code=Code.UNSUPPORTED_VERSION), correlation_id)

    def _versions_for_newer_client(self) -> Any:
        """Kafka's rule: an unknown version of ApiVersions is answered in version 0, with the range."""
        own = self._apis[_API_VERSIONS_KEY]
        version = metadata.ApiVersionsResponse.ApiVersion(
            api_key=_API_VERSIONS_KEY, min_version=own.oldest, max_version=own.newest
        )
        return metadata.ApiVersionsResponse(
            version=0, error_code=Code.UNSUPPORTED_VERSION, api_keys=[version]
        )


def _framed(response: Any, correlation_id: int) -> bytes:
    response.with_header(correlation_id=correlation_id)
    return bytes(response.encode(header=True, framed=True))


def _response_class(key: int) -> Any:
    for module in _MODULES:
        for name in module.__all__:
            if name.endswith("Response") and key == getattr(module, name).API_KEY:
                return getattr(module, name)
    return None
