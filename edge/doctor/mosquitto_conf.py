"""mosquitto's own configuration: what it would read, and whether its queue keeps what `durability` promises."""

from pathlib import Path

from edge.durability import mosquitto_settings

_DEFAULTS = {
    "persistence": "false",
    "max_queued_messages": "1000",
    "max_inflight_messages": "20",
    "autosave_interval": "1800",
    "autosave_on_changes": "false",
}
_MOST_FILES = 100


def read(file: Path) -> dict[str, str]:
    """Each key's last value, with the files of `include_dir`; OSError where one cannot be read."""
    found: dict[str, str] = {}
    for line in file.read_text(errors="replace").splitlines():
        key, _, value = line.strip().partition(" ")
        if key == "include_dir":
            for more in sorted(Path(value.strip()).glob("*.conf"))[:_MOST_FILES]:
                found |= read(more)
        elif key and not key.startswith("#"):
            found[key] = value.strip()
    return found


def lacks(found: dict[str, str], durability: str) -> list[str]:
    """Each wanted line that is not in force, with what is."""
    said = _DEFAULTS | found
    lines = ["persistence true", *mosquitto_settings(durability).splitlines()]
    wanted = dict(line.split(" ", 1) for line in lines)
    wanted.setdefault("autosave_on_changes", "false")
    return [f"{key} {value} (it has {said[key]})" for key, value in wanted.items() if not _does(key, said, value)]


def _does(key: str, said: dict[str, str], wanted: str) -> bool:
    value = said[key]
    if not wanted.isdigit():
        return value == wanted
    if not value.isdigit():
        return False
    if key == "autosave_interval":  # 0: never
        return 0 < int(value) <= int(wanted)
    return int(value) == 0 or int(value) >= int(wanted)  # 0: no limit
