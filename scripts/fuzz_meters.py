#!/usr/bin/env python3
"""Feeds what a fuzzer makes up to every meter family: a message is a possible sample, or refused; nothing crashes.

Needs the extra: pip install -e '.[fuzz]'. Then, for ten minutes:

    nice -n 19 .venv/bin/python scripts/fuzz_meters.py -max_total_time=600

An input is a byte that chooses the family, then messages: topic, a line feed, payload; 0xff 0xff between two of them.
It starts from the documented payloads and keeps what it finds in build/fuzz. Every option is libFuzzer's.
"""

import math
import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parent.parent))

with atheris.instrument_imports(include=["edge.meters", "edge.sources", "edge.core.sample"]):
    from edge.adapters.mqtt import Message
    from edge.core.sample import POWER_LIMIT_W
    from edge.errors import BadReading
    from edge.meters import FAMILIES, family_of
    from edge.meters.reading import Reading
    from edge.settings import Meter
    from edge.sources import Source

    METERS = [Meter(family=name, topic=family_of(name).topic, unit="W") for name in FAMILIES]
    METERS += [
        Meter(family="generic", topic="#", power="a.0 - power", time="time"),
        Meter(family="shelly-gen2", topic="#", power="em1:0 + em1:1"),
        Meter(family="tasmota", topic="#", power="SML.Power_curr", unit="kW", sign="export"),
        Meter(family="shelly-gen1", topic="#", phases=3),
    ]

_CORPUS = Path("build/fuzz")
_BETWEEN = b"\xff\xff"
_COUNTS: dict[str, int] = {"samples": 0, "refused": 0, "no sample": 0}


def one_input(data: bytes) -> None:
    """Read the messages of an input; anything but a possible sample, no sample or BadReading is a finding."""
    if not data:
        return
    source = Source(METERS[data[0] % len(METERS)])
    for n, part in enumerate(data[1:].split(_BETWEEN)):
        topic, _, payload = part.partition(b"\n")
        message = Message(topic.decode(errors="replace"), payload, False, 0, 0)
        try:
            reading = source.read(message, n * 5_000)
            if not isinstance(reading, Reading):
                _COUNTS["no sample"] += 1
                continue
            sample = source.sample(reading, 1_700_000_000_000)
        except BadReading:
            _COUNTS["refused"] += 1
            continue
        _COUNTS["samples"] += 1
        assert math.isfinite(sample.power_w), sample
        assert abs(sample.power_w) <= POWER_LIMIT_W, sample
        assert sample.at_ms % 1000 == 0, sample
        assert source.meter.sign == "export" or sample.power_w == reading.power_w


def _seeds(folder: Path) -> None:
    from tests.meters.payloads import CASES  # noqa: PLC0415 - after the path is set

    for n, case in enumerate(CASES):
        messages = _BETWEEN.join(topic.encode() + b"\n" + payload for topic, payload in case.messages)
        (folder / f"documented-{n}").write_bytes(bytes([list(FAMILIES).index(case.family)]) + messages)


def main() -> None:
    """Fuzz until libFuzzer's options say stop."""
    _CORPUS.mkdir(parents=True, exist_ok=True)
    _seeds(_CORPUS)
    atheris.Setup([*sys.argv, str(_CORPUS)], _counted)
    atheris.Fuzz()


def _counted(data: bytes) -> None:
    one_input(data)
    total = sum(_COUNTS.values())
    if total and not total % 100_000:
        print(_COUNTS, file=sys.stderr)


if __name__ == "__main__":
    main()
