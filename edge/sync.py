"""nilm-sync: what the local InfluxDB has goes to the central server: what is new first, then hour by hour, compared."""

import random
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import IO, Any

from edge.adapters.central import Busy, Central, NotLetIn, Secrets
from edge.adapters.influx import Influx
from edge.adapters.processes import lock
from edge.adapters.streams import Streams
from edge.config import central_secrets, influx_token
from edge.core.sync import pause_s
from edge.errors import ConfigError, NilmError, Unavailable
from edge.settings import Config
from edge.stored_lines import StoredLines
from edge.sync_claims import Claims
from edge.sync_history import History
from edge.sync_live import Live
from edge.sync_sender import Sender
from edge.unit import Unit, now_ms
from edge.watermark import Watermark

_IDLE_S = 0.2
_LOOK_S = 60.0


def run(config: Config, *, once: bool = False, verify: bool = False) -> dict[str, Any]:
    """Serve until told to stop, or `once`: until all is there, Unavailable where it cannot be; what was done.

    `verify`: compare every hour again.
    """
    streams = Streams.connect(config.redis.url, config.redis.outbox_h)
    with closing(_claim_folder(config)):
        unit = Unit("sync", None if once else streams)

        def meanwhile() -> None:
            unit.beat(sync.status(), **sync.figures())
            if unit.stopping:
                raise Unavailable("told to stop")

        sync = Sync(config, streams, meanwhile)
        if verify:
            sync.start_over()
        while not unit.stopping and not (once and sync.is_done):
            try:
                if sync.turn(now_ms()):
                    unit.worked()
                if once and sync.waits:
                    raise NilmError(" ".join(sync.alarms()))
            except Unavailable as error:
                if unit.stopping:
                    break
                if once:
                    raise
                sync.failed(error)
                unit.failed(error, pause_s=0)
            for alarm in sync.alarms():
                unit.log.error("%s", alarm)
            unit.beat(sync.status(), **sync.figures())
        return {"status": sync.status(), **sync.figures()}


class Sync:
    """One turn sends what is new, then a piece of history; after a fault it rests, longer each time up to a minute.

    `meanwhile` is called while the central server lets us wait; what it raises ends the turn.
    """

    def __init__(self, config: Config, streams: Streams, meanwhile: Callable[[], None] = lambda: None) -> None:
        self._config = config
        self._meanwhile = meanwhile
        self._stored = StoredLines(config, Influx.connect(config.influx, influx_token(config)))
        self._watermark = Watermark(Path(config.data_dir), f"{config.central.url} {config.central.bucket}")
        self._sender = Sender(config.central)
        self._let_in = True
        self._connect()
        self.claims = Claims(config, self._sender, self._watermark, meanwhile)
        self._live = Live(config.central, self._stored, self._sender)
        self._history = History(
            config, streams, self._stored, self._sender, watermark=self._watermark, stores=self.claims.are_stored
        )
        self._buildings: list[str] = []
        self._look_due_s = 0.0
        self._resting_until_s = 0.0
        self._failures, self._trouble = 0, ""

    @property
    def is_done(self) -> bool:
        """Whether the last turn found nothing to do."""
        return not self._trouble and self._live.was_empty and self._history.is_done and not self.waits

    @property
    def waits(self) -> bool:
        """Whether another box goes on with a building of ours."""
        return not all(self.claims.goes_on(building) for building in self._buildings)

    def start_over(self) -> None:
        """Compare every hour again."""
        for building in self._stored.buildings():
            self._watermark.of(building, time.time()).confirmed_ms = 0

    def turn(self, at_ms: int) -> bool:
        """Do what is next; whether it went well, rather than waited. Unavailable: nothing is lost, try again later."""
        if time.monotonic() < self._resting_until_s:
            time.sleep(_IDLE_S)
            return False
        if not self._let_in:
            self._read_secrets_again()
        if time.monotonic() >= self._look_due_s:
            self._buildings = self._stored.buildings()
            self._look_due_s = time.monotonic() + _LOOK_S
        self.claims.turn(self._buildings, at_ms)
        ours = [building for building in self._buildings if self.claims.goes_on(building)]
        self._live.turn(ours, at_ms)
        if not self._history.turn(ours, at_ms, self._live.begins_ms):
            time.sleep(_IDLE_S)
        self._failures, self._trouble = 0, ""
        return True

    def failed(self, error: Unavailable) -> None:
        """Rest for a while."""
        asked_s = error.pause_s if isinstance(error, Busy) else 0.0
        self._resting_until_s = time.monotonic() + pause_s(self._failures, random.random(), asked_s)  # noqa: S311
        self._failures += 1
        self._trouble = str(error)
        self._let_in = not isinstance(error, NotLetIn)

    def alarms(self) -> list[str]:
        """What a person must know and has not been told yet."""
        told = [*self.claims.alarms, *self._history.alarms]
        self.claims.alarms, self._history.alarms = [], []
        return told

    def status(self) -> str:
        """How it is, in words."""
        said = [f"ANOTHER BOX ({who.host}) writes as {building}" for building, who in self.claims.rivals.items()]
        said += [self._trouble] if self._trouble else []
        said.append(self._history.status())
        said += [f"what is new waits for {self._live.lag_ms(now_ms()) / 1000:.0f} s"] if self._trouble else []
        said += [f"not compared: {self._central.cannot_ask}"] if self._central.cannot_ask else []
        said += ["the secret travels unencrypted: use https"] if self._central.is_open_to_others else []
        return "; ".join(said)

    def figures(self) -> dict[str, Any]:
        """What the heartbeat says in numbers."""
        return {
            "lag_ms": self._live.lag_ms(now_ms()),
            **self._history.figures(),
            **self._sender.figures(),
            "second_edge": bool(self.claims.rivals),
            "compared": not self._central.cannot_ask,
        }

    def _read_secrets_again(self) -> None:
        try:
            self._connect()
        except ConfigError as error:
            raise Unavailable(str(error)) from error
        self._let_in = True

    def _connect(self) -> None:
        secrets = Secrets(*central_secrets(self._config))
        self._central = self._sender.central = Central(self._config.central, secrets, self._meanwhile)


def _claim_folder(config: Config) -> IO[str]:
    """The lock of sync's folder; NilmError while another one works in it, ConfigError where nothing is configured."""
    if not config.central.url:
        raise ConfigError("central.url: no central server is configured; see docs/operations.md")
    folder = Path(config.data_dir) / "sync"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        holder = lock(folder / ".lock")
    except OSError as error:
        raise Unavailable(f"cannot write in {folder}: {error.strerror}") from error
    if holder is None:
        raise NilmError("nilm-edge sync is at work already; `nilm-edge status` says how far it is.")
    return holder
