"""What a power cut leaves of Redis's log, and a real redis-server that starts on it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import redis

from edge.adapters.processes import Child, free_port
from edge.adapters.redis_files import mend
from edge.adapters.streams import Streams
from edge.cli import main
from edge.errors import Unavailable
from edge.private_servers import find_servers, private_servers
from edge.settings import Config
from edge.settings import Redis as RedisSettings
from tests.servers import wait_for_answer

KEYS = 200


class Cut:
    """A redis-server that is killed with keys in its log, and started again on what is left."""

    def __init__(self, folder: Path) -> None:
        (folder / "log").mkdir()
        self.folder = folder
        settings = RedisSettings(url=f"redis://127.0.0.1:{free_port()}/0")
        self.config = replace(Config(), durability="sample", redis=settings)
        self.server = self.made()

    def made(self) -> Child:
        """As `nilm-edge run` makes it, not started yet."""
        return private_servers(self.config, find_servers(), self.folder)[1]

    def start(self) -> redis.Redis:
        self.server.start()
        wait_for_answer(Streams.connect(self.config.redis.url).ping)
        return redis.Redis.from_url(self.config.redis.url)

    def log(self) -> Path:
        (log,) = (self.folder / "redis" / "appendonlydir").glob("*.incr.aof")
        return log


@pytest.fixture
def cut(tmp_path: Path) -> Iterator[Cut]:
    one = Cut(tmp_path)
    with one.start() as client:
        for number in range(KEYS):
            client.set(f"key{number}", bytes(100))
    one.server.wait_or_kill(0)
    yield one
    one.server.wait_or_kill(0)


@pytest.mark.parametrize("torn", [0, 50, 150_000], ids=["whole", "half a command", "zeros alone"])
@pytest.mark.parametrize("zeros", [2615, 4096 * 40])
def test_zeros_at_the_end_cost_no_whole_command(cut: Cut, torn: int, zeros: int) -> None:
    log = cut.log()
    written = log.read_bytes()
    log.write_bytes(written[: max(0, len(written) - torn)] + bytes(zeros))
    cut.server = cut.made()
    assert log.stat().st_size <= len(written)
    with cut.start() as client:
        assert client.dbsize() == {0: KEYS, 50: KEYS - 1, 150_000: 0}[torn]
        client.set("after", 1)


def test_redis_does_not_start_with_them(cut: Cut) -> None:
    with cut.log().open("ab") as log:
        log.write(bytes(2615))
    cut.server.start()
    cut.server.wait_or_kill(10)
    assert cut.server.exit_code() == 1
    assert "Bad file format" in cut.server.last_words()


def test_a_log_with_its_end_is_left_alone(cut: Cut, capsys: pytest.CaptureFixture[str]) -> None:
    home = cut.folder / "redis"
    before = {file: (file.stat().st_mtime_ns, file.stat().st_size) for file in home.rglob("*")}
    assert mend(home) == []
    assert {file: (file.stat().st_mtime_ns, file.stat().st_size) for file in home.rglob("*")} == before
    assert main(["mend", "redis", str(home)]) == 0
    assert "nothing to mend" in capsys.readouterr().out


def test_what_cannot_be_mended_is_said(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot mend"):
        mend(tmp_path / "nowhere")
