"""nilm-announce: Home Assistant learns of every appliance by MQTT discovery: its power, whether it runs, its energy."""

import time

import orjson

from edge import __version__
from edge.adapters.energy_totals import EnergyTotals
from edge.adapters.mqtt import Publisher
from edge.adapters.streams import Streams
from edge.core.discovery import EXPORTED, MAINS, OTHER, Entity, Site, entities
from edge.core.energy import Totals
from edge.core.prediction import PredictionTable
from edge.errors import Unavailable
from edge.settings import Config
from edge.unit import Unit, now_ms

_LOOK_S = 0.5
_STALE_MS = 60_000
"""A building without a new second for so long is shown as unavailable; longer where its meter is held for longer."""


def run(config: Config) -> None:
    """Serve until told to stop."""
    streams = Streams.connect(config.redis.url, config.redis.outbox_h)
    unit = Unit("announce", streams)
    announcer = Announcer(config, streams)
    while not unit.stopping:
        try:
            announcer.turn(0.1)
            unit.worked()
        except Unavailable as error:
            unit.failed(error)
        unit.beat(announcer.status(), connected=announcer.publisher.connected)
    announcer.close()


def site_of(config: Config) -> Site:
    """Who we are at the broker."""
    about = config.homeassistant
    return Site(about.prefix, about.topic, about.id, __version__)


def publisher_of(config: Config) -> Publisher:
    """A connection whose last will says that we are gone."""
    site = site_of(config)
    return Publisher(config.mqtt, f"{config.mqtt.client_id}-announce", will=(site.status_topic, b"offline"))


def withdraw(config: Config, timeout_s: float = 5.0) -> int:
    """Take back everything that was announced; how many entities. Unavailable without Redis or broker."""
    totals, publisher, site = EnergyTotals(config.redis.url), publisher_of(config), site_of(config)
    told = totals.told()
    publisher.publish(site.status_topic, b"", retain=True)
    for topic, state_topic in told.items():
        publisher.publish(topic, b"", retain=True)
        publisher.publish(state_topic, b"", retain=True)
    end_s = time.monotonic() + timeout_s
    while publisher.unconfirmed and time.monotonic() < end_s:
        publisher.turn(0.05)
    if publisher.unconfirmed:
        raise Unavailable(publisher.refused or "the MQTT broker did not confirm")
    publisher.close()
    totals.forget(list(told))
    return len(told)


class Announcer:
    """Tells what there is once, and again whenever that or the connection changes; then the values."""

    def __init__(self, config: Config, streams: Streams) -> None:
        self._config = config
        self._streams = streams
        self._totals = EnergyTotals(config.redis.url)
        self._site = site_of(config)
        self.publisher = publisher_of(config)
        self._connections = 0
        self._buildings: dict[str, _Building] = {}
        self._told: dict[str, tuple[str, ...]] = {}
        self._look_due_s = 0.0
        self._values_due_s = 0.0

    def turn(self, timeout_s: float) -> None:
        """One turn of the loop; Unavailable leaves the rest for the next one."""
        self.publisher.turn(timeout_s)
        if time.monotonic() < self._look_due_s:
            return
        self._look_due_s = time.monotonic() + _LOOK_S
        names = self._streams.buildings()
        self._buildings = {name: building for name, building in self._buildings.items() if name in names}
        for name in names:
            building = self._buildings.setdefault(name, _Building(name, self._streams, self._totals))
            building.count()
        if not self.publisher.connected:
            return
        if self.publisher.connections != self._connections:  # the broker may have forgotten
            self._told.clear()
        self._announce()
        due = time.monotonic() >= self._values_due_s or self.publisher.connections != self._connections
        if due:
            self._values_due_s = time.monotonic() + self._config.homeassistant.every_s
        self._connections = self.publisher.connections
        for building in self._buildings.values():
            self._tell(building, everything=due)

    def status(self) -> str:
        """How it goes, in words."""
        if not self.publisher.connected:
            return self.publisher.refused or "connecting to the MQTT broker"
        told = sum(len(appliances) for appliances in self._told.values())
        return f"{told} appliances of {len(self._told)} buildings are known to Home Assistant"

    def close(self) -> None:
        """Say that we are gone."""
        self.publisher.publish(self._site.status_topic, b"offline", retain=True)
        end_s = time.monotonic() + 1.0
        while self.publisher.connected and self.publisher.unconfirmed and time.monotonic() < end_s:
            self.publisher.turn(0.02)
        self.publisher.close()

    def _announce(self) -> None:
        wanted = {building.name: building.appliances for building in self._buildings.values() if building.known}
        if wanted == self._told:
            return
        found: list[Entity] = []
        for name, appliances in wanted.items():
            found += entities(self._site, name, appliances)
        before = self._totals.told()
        self._totals.tell({entity.config_topic: entity.state_topic for entity in found})
        gone = sorted(before.keys() - {entity.config_topic for entity in found})
        for topic in gone:
            self.publisher.publish(topic, b"", retain=True)
            self.publisher.publish(before[topic], b"", retain=True)
        self._totals.forget(gone)
        for entity in found:
            self.publisher.publish(entity.config_topic, orjson.dumps(entity.config), retain=True)
        self.publisher.publish(self._site.status_topic, b"online", retain=True)
        self._told = wanted
        self._values_due_s = 0.0

    def _tell(self, building: "_Building", *, everything: bool) -> None:
        """Every value every `every_s`; at once that a building is there or not, that an appliance runs or not."""
        if not building.known:
            return
        values = building.values(self._site, self._stale_ms(building.name))
        for topic, (payload, at_once) in values.items():
            if everything or (at_once and building.said.get(topic) != payload):
                self.publisher.publish(topic, payload, retain=True)
                building.said[topic] = payload

    def _stale_ms(self, building: str) -> int:
        from edge.meters import family_of  # noqa: PLC0415 - only while there is something to tell

        held_s = [
            family_of(meter.family).hold_s if meter.hold_s < 0 else meter.hold_s
            for meter in self._config.meters
            if meter.building == building and not meter.appliance
        ]
        return max(_STALE_MS, *(2000 * seconds for seconds in held_s), 0)


class _Building:
    """A building's newest second, and its energy up to there."""

    def __init__(self, name: str, streams: Streams, totals: EnergyTotals) -> None:
        self.name = name
        self.said: dict[str, bytes] = {}
        self._streams = streams
        self._store = totals
        self._totals: Totals | None = None
        self._newest: PredictionTable | None = None
        self._mains_w = 0.0

    @property
    def known(self) -> bool:
        """Whether there is a second to tell."""
        return self._newest is not None

    @property
    def appliances(self) -> tuple[str, ...]:
        """Those that the newest second tells of."""
        return tuple(column.appliance for column in self._newest.columns) if self._newest else ()

    def count(self) -> None:
        """Add the seconds that came since the last look, and store them."""
        if self._totals is None:
            self._totals = self._first()
        if self._totals is None:
            return
        tables = self._streams.predictions_after(self.name, self._totals.at_ms)
        if not tables and self._newest is not None:
            return
        mains_w = {s.at_ms: s.power_w for s in self._streams.samples_after(self.name, self._totals.at_ms)}
        totals = Totals(self._totals.at_ms, dict(self._totals.mws))
        for table in tables:
            for row, at_ms in enumerate(table.at_ms.tolist()):
                self._mains_w = mains_w.get(at_ms, 0.0)
                powers_w = {MAINS: self._mains_w, EXPORTED: -self._mains_w, OTHER: float(table.other_w[row])}
                names = [column.appliance for column in table.columns]
                totals.count(at_ms, powers_w | dict(zip(names, table.values[row]["power_w"].tolist(), strict=True)))
        if tables:
            self._store.save(self.name, totals)
            self._newest = tables[-1]
        else:
            self._look_back()
        self._totals = totals

    def values(self, site: Site, stale_ms: int) -> dict[str, tuple[bytes, bool]]:
        """What stands in each topic, and whether a change is told at once."""
        assert self._newest is not None
        assert self._totals is not None
        fresh = now_ms() - int(self._newest.at_ms[-1]) <= stale_ms
        row = self._newest.values[-1]
        powers_w = {MAINS: self._mains_w, OTHER: float(self._newest.other_w[-1])}
        powers_w |= dict(zip(self.appliances, row["power_w"].tolist(), strict=True))
        found = {site.building_topic(self.name): (b"online" if fresh else b"offline", True)}
        for name, power_w in powers_w.items():
            found[site.state_topic(self.name, name, "power")] = (f"{power_w:.1f}".encode(), False)
        for name in (*powers_w, EXPORTED):
            found[site.state_topic(self.name, name, "energy")] = (self._totals.kwh(name).encode(), False)
        for name, runs in zip(self.appliances, row["on"].tolist(), strict=True):
            found[site.state_topic(self.name, name, "running")] = (b"ON" if runs else b"OFF", True)
        return found

    def _first(self) -> Totals | None:
        """The counters as they were left; new ones begin with the next second."""
        found = self._store.load(self.name)
        newest_ms = self._streams.newest_ms(self.name, "predictions")
        return found or (None if newest_ms is None else Totals(newest_ms))

    def _look_back(self) -> None:
        """After a start without anything new: the newest second there is."""
        tables = self._streams.predictions(self.name, 1)
        samples = self._streams.window(self.name, 1)
        if tables and samples:
            self._newest, self._mains_w = tables[-1], samples[-1].power_w
