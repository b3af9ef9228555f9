"""Samples and predictions as InfluxDB line protocol, times in seconds; floats always written as floats."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.core.prediction import Column, Tick
from edge.core.sample import Sample

OTHER = "other"
"""The appliance under which the power that no model explains is stored."""

_ONE_OF_OURS = re.compile(
    rf"(mains|appliance,appliance={OTHER}),building=([^, ]+) power_w=([^, ]+)(?:,flags=(\d+)i)?[^ ]* (\d+)"
)


_MEASURED = re.compile(r"appliance,appliance=((?:\\.|[^, ])+),building=([^, ]+) measured_w=([^, ]+) (\d+)")
MEASURED = "measured"
"""What a Point calls the power that an appliance's own meter says."""


@dataclass(frozen=True, slots=True)
class Point:
    """What can be asked of a written line: mains, the rest, or what an appliance's own meter said, at one second."""

    measurement: str
    building: str
    at_ms: int
    power_w: float
    flags: int
    appliance: str = ""
    """Whose power it is; its `measurement` is then MEASURED."""


def sample_line(sample: Sample) -> str:
    """One point of measurement `mains`; of `appliance` where the sample is of one, beside what is predicted for it."""
    if sample.appliance:
        tags = f"appliance={escaped_tag(sample.appliance)},building={escaped_tag(sample.building)}"
        return f"appliance,{tags} measured_w={_float(sample.power_w)} {sample.at_ms // 1000}"
    fields = f"power_w={_float(sample.power_w)},flags={int(sample.flags)}i"
    if sample.voltage_v is not None:
        fields += f",voltage_v={_float(sample.voltage_v)}"
    if sample.current_a is not None:
        fields += f",current_a={_float(sample.current_a)}"
    if sample.run_id:
        fields += f',run_id="{sample.run_id}"'
    return f"mains,building={escaped_tag(sample.building)} {fields} {sample.at_ms // 1000}"


def tick_lines(tick: Tick) -> Iterator[str]:
    """One point of measurement `appliance` for each appliance, and one for `other`."""
    building, at_s = escaped_tag(tick.building), tick.at_ms // 1000
    for column, row in zip(tick.columns, tick.values.tolist(), strict=True):
        power_w, p_on, low_w, high_w, on, warmup = row
        yield (
            f"appliance,appliance={escaped_tag(column.appliance)},building={building} "
            f"power_w={_float(power_w)},p_on={_float(p_on)},low_w={_float(low_w)},high_w={_float(high_w)},"
            f"on={_bool(on)},warmup={_bool(warmup)},model={_text(column.model)} {at_s}"
        )
    yield f"appliance,appliance={OTHER},building={building} power_w={_float(tick.other_w)} {at_s}"


def asked_line(
    building: str, values: tuple[Column, NDArray[np.void]], confidence: float, request_id: str, at_ns: int
) -> str:
    """One point of measurement `inference`, with its time in ns: what someone asked about a window of their own."""
    column, cell = values
    return (
        f"inference,appliance={escaped_tag(column.appliance)},building={escaped_tag(building)} "
        f"power_w={_float(float(cell['power_w']))},low_w={_float(float(cell['low_w']))},"
        f"high_w={_float(float(cell['high_w']))},confidence={_float(confidence)},warmup={_bool(bool(cell['warmup']))},"
        f"model={_text(column.model)},request_id={_text(request_id)} {at_ns}"
    )


def is_mains(line: str) -> bool:
    """Whether a line of ours is of measurement `mains`; the others are of `appliance`."""
    return line.startswith("mains,")


def point_of(line: str) -> Point | None:
    """What `sample_line` wrote, or `tick_lines` of the rest; None for a prediction of an appliance."""
    if found := _MEASURED.fullmatch(line):
        name, building, power_w, at_s = found.groups()
        return Point(MEASURED, building, int(at_s) * 1000, float(power_w), 0, re.sub(r"\\(.)", r"\1", name))
    found = _ONE_OF_OURS.fullmatch(line)
    if not found:
        return None
    measurement, building, power_w, flags, at_s = found.groups()
    return Point(measurement.partition(",")[0], building, int(at_s) * 1000, float(power_w), int(flags or 0))


def ends_of(lines: Sequence[str]) -> list[Point]:
    """The first and last second of mains, of the rest and of what was measured in a building's `lines`.

    Of a second's the last line.
    """
    seconds: dict[str, dict[int, Point]] = {}
    for line in lines:
        if point := point_of(line):
            seconds.setdefault(point.measurement, {})[point.at_ms] = point
    return [points[at_ms] for points in seconds.values() for at_ms in sorted({min(points), max(points)})]


def _float(value: float) -> str:
    return f"{value:.7g}" if "." in f"{value:.7g}" or "e" in f"{value:.7g}" else f"{value:.7g}.0"


def _bool(value: bool) -> str:
    return "true" if value else "false"


def escaped_tag(value: str) -> str:
    """A tag value as line protocol has it."""
    return value.replace("\\", "\\\\").replace(",", "\\,").replace(" ", "\\ ").replace("=", "\\=").replace("\n", "\\n")


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
