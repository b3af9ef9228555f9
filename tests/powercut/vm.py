"""A virtual machine in software, whose power can be cut."""

import subprocess
from pathlib import Path

from edge.adapters.processes import free_port

INSIDE = {"mqtt": 1883, "influx": 8086}
_WORDS = (  # a processor that waits for its turn must not be taken for one with a broken timer
    "root=/dev/vda rw console=ttyS0 quiet net.ifnames=0 mitigations=off no_timer_check tsc=reliable "
    "systemd.show_status=0 systemd.journald.forward_to_console=1"
)


class VirtualMachine:
    """Boots from a disk at an NBD socket; what it says on its console is in `console`."""

    def __init__(self, kernel: Path, initrd: Path, disk: Path, console: Path) -> None:
        self.port = {name: free_port() for name in INSIDE}
        self.console = console
        self._kernel, self._initrd, self._disk = kernel, initrd, disk
        self._process: subprocess.Popen[bytes] | None = None

    def power_on(self, *kernel_options: str) -> None:
        """Start it; the same ports outside each time."""
        words = " ".join([_WORDS, *kernel_options])
        forward = "".join(f",hostfwd=tcp:127.0.0.1:{self.port[name]}-:{inside}" for name, inside in INSIDE.items())
        command = [
            *("qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none"),
            *("-machine", "q35", "-accel", "tcg,thread=multi,tb-size=512"),
            *("-cpu", "Nehalem,+rdrand", "-smp", "1", "-m", "1536"),
            *("-kernel", str(self._kernel), "-initrd", str(self._initrd)),
            *("-append", words),
            *("-drive", f"file=nbd+unix:///?socket={self._disk},format=raw,if=virtio,cache=writeback"),
            *("-netdev", f"user,id=net,ipv6=off{forward}", "-device", "virtio-net-pci,netdev=net"),
            *("-serial", "stdio", "-no-reboot"),
        ]
        with self.console.open("ab") as console:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT
            )

    def running(self) -> bool:
        """Whether it has power and has not ended by itself."""
        return self._process is not None and self._process.poll() is None

    def cut_power(self) -> None:
        """End it at once, wherever it is."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
