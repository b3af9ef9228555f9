"""Whether the broker is there; asked without paho, which is 20 MiB."""

import socket

from edge.errors import Unavailable
from edge.settings import Mqtt


def broker_answers(settings: Mqtt, timeout_s: float = 1.0) -> None:
    """Raise Unavailable unless something accepts connections where the broker should be."""
    try:
        socket.create_connection((settings.host, settings.port), timeout=timeout_s).close()
    except OSError as error:
        raise Unavailable(f"no MQTT broker at {settings.host}:{settings.port}: {error}") from error
