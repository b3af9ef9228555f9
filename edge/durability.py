"""What a power cut may take, against how often the disk is written: the setting `durability` in each server's words."""

import logging
import time
from dataclasses import dataclass

from edge.adapters.redis_log import RedisLog
from edge.errors import Rejected


@dataclass(frozen=True, slots=True)
class Durability:
    """What one value of the setting means."""

    redis_fsync: str
    """Redis' appendfsync: always (before it answers), everysec, no (then `sync_every_s` does it)."""
    sync_every_s: float
    """Seconds after which nilm-ingest makes Redis write to the disk itself; 0: Redis does."""
    mosquitto_saves: str
    """When mosquitto writes what it queues for an absent nilm-edge."""
    store_every_s: float
    """Seconds that points wait so that InfluxDB, which syncs each write, has fewer; 0: none."""


DURABILITY = {
    "sample": Durability("always", 0, "autosave_on_changes true\nautosave_interval 1\n", 0),
    "second": Durability("everysec", 0, "autosave_interval 1\n", 0),
    "relaxed": Durability("no", 10, "autosave_interval 10\n", 10),
}
_LOOK_S = 10.0
_log = logging.getLogger("nilm.ingest")


def redis_settings(durability: str) -> str:
    """Lines for redis.conf."""
    return f"""\
save ""
appendonly yes
appendfsync {DURABILITY[durability].redis_fsync}
aof-load-truncated yes
auto-aof-rewrite-min-size 16mb
maxmemory-policy noeviction
"""


def mosquitto_settings(durability: str) -> str:
    """Lines for mosquitto.conf, beside its `persistence true`.

    mosquitto confirms to the meter before it saves: what it has handed over by then survives its death with us.
    """
    return f"max_queued_messages 100000\nmax_inflight_messages 1000\n{DURABILITY[durability].mosquitto_saves}"


class Keeper:
    """Sees every ten seconds that Redis keeps what `durability` promises."""

    def __init__(self, durability: str, log: RedisLog) -> None:
        self._means = DURABILITY[durability]
        self._name = durability
        self._redis = log
        self._due_s = 0.0
        self.fault = ""

    def turn(self) -> None:
        """Do what is due; `fault` then says what is not as promised, empty for nothing. Unavailable without Redis."""
        if time.monotonic() < self._due_s:
            return
        self._due_s = time.monotonic() + (self._means.sync_every_s or _LOOK_S)
        try:
            found = self._redis.fsync_policy()
            if found == self._means.redis_fsync == "no":
                self._redis.sync()
            fault = "" if found == self._means.redis_fsync else self._not_as_promised(found)
        except Rejected as error:
            fault = f"cannot see whether Redis keeps what durability = {self._name} promises: {error}"
        if fault and fault != self.fault:
            _log.warning("%s", fault)
        self.fault = fault

    def _not_as_promised(self, found: str) -> str:
        return (
            f"Redis has appendfsync {found or 'off (appendonly no)'}, and durability = {self._name} needs "
            f"{self._means.redis_fsync}: put what `nilm-edge config --for redis` prints into its redis.conf"
        )
