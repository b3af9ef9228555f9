"""Safe mode: samples are stored and shown, and nothing else is done, while something is put in order."""

from pathlib import Path

from edge.adapters.processes import output_of
from edge.settings import Config

ACTIVE = ("ingest", "persist", "gateway")
"""The services that run in it."""
KERNEL_WORD = "nilm-edge.safe"
"""On the kernel's command line (cmdline.txt of a Raspberry Pi), it keeps the other units from starting."""
TARGET = "nilm-edge-safe.target"
FLAG = "safe-mode"
"""In the data folder of `nilm-edge run --safe`, as long as that is how it was last started."""


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
    if (root / "run/systemd/system").exists() and output_of(["systemctl", "is-active", TARGET], 3):
        return f"{TARGET} is active"
    return ""
