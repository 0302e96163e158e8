"""Whether a broker answers, asked in its own words and without a client library's patience."""

from __future__ import annotations

import socket
import ssl
import struct
from contextlib import ExitStack

from shared.messaging.connection import BrokerAddress

_QUESTION = struct.pack(">hhih", 18, 0, 1, -1)
"""ApiVersions v0, correlation id 1, no client id: every Kafka broker answers it, before any sign-in."""


def broker_answers(broker: BrokerAddress, seconds: float = 1.0) -> bool:
    """Whether one of the addresses answers within `seconds` in total.

    An accepted connection is no answer: the machine accepts for a process that is stopped. Raises OSError
    when a file that TLS needs cannot be read.
    """
    context, share = broker.security.tls_context(), seconds / len(broker.servers)
    return any(_answers(server, share, context) for server in broker.servers)


def _answers(server: str, seconds: float, context: ssl.SSLContext | None) -> bool:
    host, _, port = server.rpartition(":")
    host = host.strip("[]")
    try:
        with ExitStack() as closing:
            line = closing.enter_context(socket.create_connection((host, int(port)), timeout=seconds))
            if context is not None:
                line = closing.enter_context(context.wrap_socket(line, server_hostname=host))
            line.sendall(struct.pack(">i", len(_QUESTION)) + _QUESTION)
            head = b""
            while len(head) < 8 and (more := line.recv(8 - len(head))):
                head += more
    except OSError:
        return False
    return head[4:] == struct.pack(">i", 1)
