"""One service as systemd starts it."""

import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from edge.config_text import to_toml
from edge.settings import Config
from tests.services.appliance import COMMAND


class Service:
    """`nilm-edge NAME` in a process of its own; leaving the block stops it by SIGTERM, which it must obey in 2 s."""

    def __init__(self, name: str, config: Config, *options: str) -> None:
        file = Path(config.data_dir) / f"{name}.toml"
        file.write_text(to_toml(config))
        self.log_file = Path(config.data_dir) / f"{name}.log"
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen([*COMMAND, name, "--config", str(file), *options], stderr=log)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.process.terminate()
        still_loading = -signal.SIGTERM  # told to stop before it had begun
        assert self.process.wait(2) in {0, still_loading}
