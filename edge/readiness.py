"""Whether an appliance that was just started works: its services live, and a second of its meter gets stored."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.adapters.accounts import Accounts
from edge.adapters.influx import Influx
from edge.adapters.streams import Streams
from edge.config import influx_token
from edge.core.vitals import SERVICES, is_up
from edge.errors import NilmError, Unavailable
from edge.settings import Config
from edge.status import stored_up_to_ms
from edge.unit import now_ms

_LOOK_S, _LISTEN_S = 0.5, 10.0
"""How long services live in silence before they count as without a meter."""
_BEFORE_MS = 120_000


@dataclass(frozen=True, slots=True)
class Readiness:
    """`lacks`: what is not there, in words; empty where all is well. `receives`: seconds of a meter are stored."""

    lacks: tuple[str, ...]
    receives: bool


def wait_until_ready(config: Config, within_s: float, since_ms: int | None = None) -> Readiness:
    """Wait until a sample from after now is stored with its predictions, or no meter is heard, or time is up.

    `since_ms`: when everything was started anew. Services must be younger, samples may be as old, and where some were
    stored shortly before, silence is a fault.
    """
    streams = Streams.connect(config.redis.url, timeout_s=2)
    influx = Influx.connect(config.influx, influx_token(config))
    started_ms, since_ms = since_ms or 0, since_ms or now_ms()
    end_s, alive_since_s = time.monotonic() + within_s, 0.0
    received_before = started_ms and _stored(streams, influx, config) >= started_ms - _BEFORE_MS
    while True:
        lacks, heard = _look(streams, started_ms)
        if not lacks:
            alive_since_s = alive_since_s or time.monotonic()
            if _stored(streams, influx, config) >= since_ms:
                return Readiness((), receives=True)
            if not heard and not received_before and time.monotonic() >= alive_since_s + _LISTEN_S:
                return Readiness((), receives=False)
            lacks = _what_is_not_stored(influx)
        if time.monotonic() >= end_s:
            return Readiness(lacks, receives=False)
        time.sleep(_LOOK_S)


def _look(streams: Streams, started_ms: int) -> tuple[tuple[str, ...], bool]:
    """Which services do not live, or are older than `started_ms`, and whether a meter was heard."""
    try:
        said = streams.services()
    except Unavailable as error:
        return (str(error),), False
    silent = tuple(
        f"nilm-{name} is not up"
        for name in SERVICES
        if not is_up(said.get(name, {}), now_ms()) or said[name].get("started_ms", 0) < started_ms
    )
    meters: list[dict[str, Any]] = said.get("ingest", {}).get("meters", [])
    return silent, any(meter.get("heard") for meter in meters)


def _stored(streams: Streams, influx: Influx, config: Config) -> int:
    """The newest second that is stored with its predictions, of any building; 0 where there is none."""
    try:
        return max((stored_up_to_ms(influx, config, building) for building in streams.buildings()), default=0)
    except NilmError:
        return 0


def _what_is_not_stored(influx: Influx) -> tuple[str, ...]:
    try:
        influx.ping()
    except Unavailable as error:
        return (str(error),)
    return ("no second of a meter is stored yet",)


def as_text(found: Readiness, config: Config) -> str:
    """What was found, and what comes next."""
    page = config.gateway
    scheme = "https" if page.tls_cert_file else "http"
    host = "127.0.0.1" if page.host in {"0.0.0.0", "::"} else page.host  # noqa: S104 - compared, not listened at
    if found.lacks:
        lines = [
            f"nilm-edge is not ready: {'; '.join(found.lacks)}.",
            "Look at:  nilm-edge status; journalctl -u 'nilm-*'",
        ]
    elif found.receives:
        lines = ["nilm-edge works: a meter is heard, told apart and stored, second by second."]
    else:
        lines = [
            "nilm-edge runs, and hears no meter yet. To find it and write it into the configuration:",
            "    sudo nilm-edge setup && sudo nilm-edge-apply",
            "For a look without a meter, at a recorded home:",
            "    sudo systemctl enable --now nilm-simulator",
        ]
    lines.append(f"The page: {scheme}://{host}:{page.port}/")
    if page.auth == "local" and not _has_account(config):
        lines += ["It is open to this machine alone. Before you open it to others, make the first account:"]
        lines += ["    sudo nilm-edge user add NAME"]
    return "\n".join(lines)


def _has_account(config: Config) -> bool:
    try:
        return Accounts(Path(config.data_dir)).any()
    except Unavailable:
        return True
