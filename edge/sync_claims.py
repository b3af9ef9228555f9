"""Which box writes a building: each says so on the central server, and looks who else does; of two the later waits."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from edge.adapters.central import host_name
from edge.core.central_queries import claim_line
from edge.core.sync import Claim, rival
from edge.settings import Config
from edge.sync_sender import Sender
from edge.unit import now_ms
from edge.watermark import Watermark, edge_name

_EVERY_S, _COUNTS_MS = 30.0, 300_000
"""How often we say it, and for how long it counts."""
_AGAIN_S = 0.2


class Claims:
    """What we say is also the probe of a server that confirms what it does not store: can it be read back?"""

    def __init__(self, config: Config, sender: Sender, watermark: Watermark, meanwhile: Callable[[], None]) -> None:
        self._edge = edge_name(Path(config.data_dir))
        self._started_s = round(time.time(), 3)
        self._sender = sender
        self._watermark = watermark
        self._meanwhile = meanwhile
        self._due_s = 0.0
        self.rivals: dict[str, Claim] = {}
        self.alarms: list[str] = []

    def turn(self, buildings: Sequence[str], at_ms: int) -> None:
        """Look and say, where it is due."""
        if time.monotonic() >= self._due_s:
            for building in buildings:
                self.look(building, at_ms)
            self._due_s = time.monotonic() + _EVERY_S

    def look(self, building: str, at_ms: int) -> None:
        """Say that we write a building, after looking who else says so."""
        me = self._me(building, at_ms)
        central = self._sender.central
        other = rival(me, central.claims(building, at_ms - _COUNTS_MS, at_ms + _COUNTS_MS) or [])
        if other and building not in self.rivals:
            goes_on = "this one goes on" if me.comes_before(other) else "this one waits, nothing is lost"
            self.alarms.append(
                f"another box, {other.host} ({other.edge[:8]}), writes as building {building} on {central.host}; "
                f"{goes_on}. Give one of them another name (meters, building), or switch it off"
            )
        if other:
            self.rivals[building] = other
        else:
            self.rivals.pop(building, None)
        central.write([claim_line(building, me)])

    def goes_on(self, building: str) -> bool:
        """Whether we send a building: nobody else writes it, or began later."""
        other = self.rivals.get(building)
        return other is None or self._me(building, 0).comes_before(other)

    def are_stored(self, building: str) -> bool:
        """Whether the server has what it confirms: a fresh word of ours is read back."""
        at_ms = now_ms()
        central = self._sender.central
        central.write([claim_line(building, self._me(building, at_ms))])
        end_s = time.monotonic() + central.shown_s
        while True:
            seen = central.claims(building, at_ms, at_ms + 1) or []
            if any(claim.run_s == self._started_s for claim in seen):
                return True
            if time.monotonic() >= end_s:
                return False
            time.sleep(_AGAIN_S)
            self._meanwhile()

    def _me(self, building: str, at_ms: int) -> Claim:
        since_s = self._watermark.of(building, self._started_s).since_s
        return Claim(self._edge, host_name(), since_s, self._started_s, at_ms)
