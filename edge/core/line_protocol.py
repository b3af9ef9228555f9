"""Samples and predictions as InfluxDB line protocol, times in seconds; floats always written as floats."""

from collections.abc import Iterator

from edge.core.prediction import Tick
from edge.core.sample import Sample

OTHER = "other"
"""The appliance under which the power that no model explains is stored."""


def sample_line(sample: Sample) -> str:
    """One point of measurement `mains`."""
    fields = f"power_w={_float(sample.power_w)},flags={int(sample.flags)}i"
    if sample.voltage_v is not None:
        fields += f",voltage_v={_float(sample.voltage_v)}"
    if sample.current_a is not None:
        fields += f",current_a={_float(sample.current_a)}"
    return f"mains,building={_tag(sample.building)} {fields} {sample.at_ms // 1000}"


def tick_lines(tick: Tick) -> Iterator[str]:
    """One point of measurement `appliance` for each appliance, and one for `other`."""
    building, at_s = _tag(tick.building), tick.at_ms // 1000
    for column, row in zip(tick.columns, tick.values.tolist(), strict=True):
        power_w, p_on, low_w, high_w, on, warmup = row
        yield (
            f"appliance,appliance={_tag(column.appliance)},building={building} "
            f"power_w={_float(power_w)},p_on={_float(p_on)},low_w={_float(low_w)},high_w={_float(high_w)},"
            f"on={_bool(on)},warmup={_bool(warmup)},model={_text(column.model)} {at_s}"
        )
    yield f"appliance,appliance={OTHER},building={building} power_w={_float(tick.other_w)} {at_s}"


def _float(value: float) -> str:
    return f"{value:.7g}" if "." in f"{value:.7g}" or "e" in f"{value:.7g}" else f"{value:.7g}.0"


def _bool(value: bool) -> str:
    return "true" if value else "false"


def _tag(value: str) -> str:
    return value.replace("\\", "\\\\").replace(",", "\\,").replace(" ", "\\ ").replace("=", "\\=").replace("\n", "\\n")


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
