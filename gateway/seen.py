"""Since when something has been up or down, as far as this gateway has looked."""

import threading


class Seen:
    """Told each look; a change begins with the look that shows it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._since: dict[str, tuple[bool, int]] = {}

    def since_ms(self, name: str, up: bool, at_ms: int) -> int:
        """When `name` was first seen as it is now."""
        with self._lock:
            before = self._since.get(name)
            if before is None or before[0] != up:
                self._since[name] = (up, at_ms)
            return self._since[name][1]
