"""Safe mode: storage and the page alone, to look at what is there while the rest is put in order.

The broker keeps what meters send meanwhile.
"""

from pathlib import Path

from edge.adapters.files import write_whole
from edge.settings import Config

ACTIVE = ("persist", "gateway")
"""The services that run in it."""
KERNEL_WORD = "nilm-edge.safe"
"""On the kernel's command line (cmdline.txt of a Raspberry Pi), it has safe mode take the appliance's place."""
RUNNING = Path("run/nilm-edge-safe/active")
"""Below /, while nilm-edge-safe.target is active."""
FLAG = "safe-mode"
"""In the data folder of `nilm-edge run --safe`, as long as that is how it was last started."""


def note_safe_mode(data_dir: Path, *, on: bool) -> None:
    """Say in a data folder of `nilm-edge run` how it was started last; Unavailable where the disk refuses."""
    if on:
        write_whole(data_dir / FLAG, b"")
    else:
        (data_dir / FLAG).unlink(missing_ok=True)


def why_safe(config: Config, root: Path = Path("/")) -> str:
    """Who asked for safe mode, in words; empty where the whole appliance runs."""
    try:
        if KERNEL_WORD in (root / "proc/cmdline").read_text().split():
            return f"{KERNEL_WORD} stands on the kernel's command line"
    except OSError:
        pass  # no such file here
    try:
        if (Path(config.data_dir) / FLAG).exists():
            return "nilm-edge run was started with --safe"
    except OSError:
        pass  # not ours to look at
    if (root / RUNNING).exists():
        return "nilm-edge-safe.target is active"
    return ""
