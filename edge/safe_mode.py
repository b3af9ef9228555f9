"""Safe mode: storage and the page alone, to look at and get out what is there while the rest is put in order."""

from pathlib import Path

from edge.settings import Config

ACTIVE = ("persist", "gateway")
"""The services that run in it."""
KERNEL_WORD = "nilm-edge.safe"
"""On the kernel's command line (cmdline.txt of a Raspberry Pi), systemd starts nilm-edge-safe.target."""
FLAG = "safe-mode"
"""In the data folder of `nilm-edge run --safe`, as long as that is how it was last started."""
RUNNING = Path("run/nilm-edge-safe/active")
"""Below /, while nilm-edge-safe.target is active."""


def why_safe(config: Config, root: Path = Path("/")) -> str:
    """Who asked for safe mode, in words; empty where the whole appliance runs."""
    try:
        if KERNEL_WORD in (root / "proc/cmdline").read_text().split():
            return f"safe mode: {KERNEL_WORD} stands on the kernel's command line"
    except OSError:
        pass  # no such file here
    if (root / RUNNING).exists():
        return "safe mode: nilm-edge-safe.target is active"
    try:
        if (Path(config.data_dir) / FLAG).exists():
            return "safe mode: nilm-edge run was started with --safe"
    except OSError:
        pass  # not ours to look at
    return ""
