"""What the appliance costs while nothing happens but a second every second."""

import time

from tests.appliance.booted import Booted

_READ = """
for unit in {units}; do
    for pid in $(cat /sys/fs/cgroup/system.slice/$unit.service/cgroup.procs); do
        pss=$(awk '/^Pss:/ {{ print $2 }}' /proc/$pid/smaps_rollup) || continue
        ticks=$(sed 's/.*) //' /proc/$pid/stat | awk '{{ print $12 + $13 }}')
        written=$(awk '/^write_bytes/ {{ print $2 }}' /proc/$pid/io) || continue
        echo $unit $pss $ticks $written
    done
done 2>/dev/null
"""
_TICKS_A_S = 100


def figures(machine: Booted, ours: list[str], servers: list[str], measure_s: float) -> dict[str, float]:
    """Memory, processor and disk over `measure_s`, of our services and of the servers."""
    first = _read(machine, ours + servers)
    time.sleep(measure_s)
    last = _read(machine, ours + servers)
    found = {}
    for whose, names in (("our services", ours), ("the servers", servers)):
        memory_kb = sum(last[name][0] for name in names)
        busy_s = sum(last[name][1] - first[name][1] for name in names) / _TICKS_A_S
        written = sum(last[name][2] - first[name][2] for name in names)
        found[f"memory of {whose}, MiB"] = memory_kb / 1024
        found[f"processor of {whose}, % of a core"] = 100 * busy_s / measure_s
        found[f"written by {whose} an hour, MB"] = written / 1e6 * 3600 / measure_s
    return found


def _read(machine: Booted, units: list[str]) -> dict[str, tuple[int, int, int]]:
    """Of each unit: memory in KiB, processor time in ticks, bytes written."""
    found = dict.fromkeys(units, (0, 0, 0))
    for line in machine.check(_READ.format(units=" ".join(units))).splitlines():
        unit, *figures = line.split()
        memory, ticks, written = (before + int(more) for before, more in zip(found[unit], figures, strict=True))
        found[unit] = (memory, ticks, written)
    return found
