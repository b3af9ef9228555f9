"""What a power cut leaves of InfluxDB's files, and a real influxd that starts on them."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge.adapters.influx import Influx
from edge.adapters.influx_files import mend
from edge.adapters.processes import Child, free_port
from edge.cli import main
from edge.errors import Unavailable
from edge.settings import Influx as InfluxSettings
from tests.servers import central_influxd, wait_for_answer

ROWS = "\n".join(f"mains,building=b{number} power_w=1 1700000000" for number in range(40))


class Cut:
    """An influxd that is killed with rows in its write-ahead log, and started again on what is left."""

    def __init__(self, folder: Path, index: str) -> None:
        self.folder, self.port = folder, free_port()
        self.data = folder / "influxdb" / "data"
        self.influx = Influx.connect(replace(InfluxSettings(), url=f"http://127.0.0.1:{self.port}"))
        self.influxd: Child = central_influxd(folder, self.port)
        conf = folder / "influxdb" / "influxdb.conf"
        conf.write_text(conf.read_text().replace('"inmem"', f'"{index}"'))

    def fill_and_kill(self) -> None:
        self.influxd.start()
        wait_for_answer(lambda: self.influx.ping(0.2))
        self.influx.prepare()
        self.influx.write("nilm", ROWS)
        self.kill()

    def kill(self) -> None:
        self.influxd.wait_or_kill(0)

    def rows(self) -> int:
        """After another start by `nilm-edge run`'s way."""
        self.influxd = central_influxd(self.folder, self.port)
        self.influxd.start()
        wait_for_answer(lambda: self.influx.ping(0.2))
        self.influx.write("nilm", "mains,building=new power_w=1 1700000000")
        (one,) = self.influx.query("nilm", "SELECT count(power_w) FROM mains WHERE building != 'new'", {})
        return int(one.values[0][1])


@pytest.fixture
def cut(tmp_path: Path) -> Iterator[Callable[[str], Cut]]:
    made: list[Cut] = []

    def make(index: str) -> Cut:
        made.append(Cut(tmp_path / "central", index))
        made[-1].fill_and_kill()
        return made[-1]

    yield make
    for one in made:
        one.kill()


def damage(file: Path, how: str) -> None:
    if how == "zeros":
        file.write_bytes(bytes(file.stat().st_size if file.exists() else 4096))
    else:
        file.write_bytes(b"SSE" if how == "cut off" else b"")


@pytest.mark.parametrize("how", ["zeros", "empty", "cut off"])
def test_numbering_that_never_reached_the_disk_costs_no_row(cut: Callable[[str], Cut], how: str) -> None:
    one = cut("inmem")
    for file in ("00/0000", "03/0000", "05/0001", "06/index"):
        damage(one.data / "nilm/_series" / file, how)
    assert one.rows() == 40


def test_without_that_influxd_neither_starts_nor_ends(cut: Callable[[str], Cut]) -> None:
    one = cut("inmem")
    damage(one.data / "nilm/_series/00/0000", "zeros")
    one.influxd.start()
    time.sleep(1.0)
    assert one.influxd.running()
    with pytest.raises(Unavailable):
        one.influx.ping(0.5)


@pytest.mark.parametrize("file", ["_series/00/0000", "autogen/1/index/0/MANIFEST", "autogen/1/index/0/L0-00000001.tsl"])
def test_an_index_on_disk_is_made_anew_in_memory(cut: Callable[[str], Cut], file: str) -> None:
    one = cut("tsi1")
    assert (one.data / "nilm" / file).exists()
    damage(one.data / "nilm" / file, "zeros")
    assert one.rows() == 40
    one.influx.query("nilm", "DELETE FROM mains WHERE building = 'new'", {})  # refused where both kinds are


def test_what_has_its_start_is_left_alone(cut: Callable[[str], Cut], capsys: pytest.CaptureFixture[str]) -> None:
    one = cut("tsi1")
    before = {file: (file.stat().st_mtime_ns, file.stat().st_ino) for file in one.data.rglob("*")}
    assert mend(one.data) == []
    assert {file: (file.stat().st_mtime_ns, file.stat().st_ino) for file in one.data.rglob("*")} == before
    assert main(["mend", "influxdb", str(one.data)]) == 0
    assert "nothing to mend" in capsys.readouterr().out


def test_the_command_says_what_it_mended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    segment, good = tmp_path / "nilm/_series/00/0000", tmp_path / "nilm/_series/01/0000"
    broken, whole = tmp_path / "other/autogen/1/index", tmp_path / "other/autogen/2/index"
    for file, content in (
        (segment, bytes(99)),
        (good, b"SSEG\x01" + bytes(99)),
        (broken / "0/MANIFEST", b""),
        (whole / "0/MANIFEST", b"{}"),
        (tmp_path / "nilm/_series/00/0000.initializing", bytes(99)),
    ):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    assert main(["mend", "influxdb", "--json", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out) == {"mended": [str(segment), str(broken)]}
    assert not segment.exists()
    assert good.exists()
    assert whole.exists()
    assert main(["mend", "influxdb", str(tmp_path / "nowhere")]) == 1
    assert f"cannot mend {tmp_path / 'nowhere'}" in capsys.readouterr().err
