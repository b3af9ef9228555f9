"""What a disk holds right after mosquitto's way of saving: a file that is synced, then put in the last one's place."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.adapters.files import renames_last
from tests.appliance.machine import checked

pytestmark = pytest.mark.powercut


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A small ext4 of its own."""
    image, place = tmp_path / "image", tmp_path / "place"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(64 * 1024 * 1024)
    checked("mkfs.ext4", "-q", "-F", str(image))
    checked("mount", "-o", "loop", str(image), str(place))
    yield place
    checked("umount", str(place))


def test_a_save_that_is_put_in_place_is_on_the_disk(mounted: Path, tmp_path: Path) -> None:
    home = mounted / "mosquitto"
    home.mkdir()
    assert renames_last(home)
    os.sync()
    for number in range(20):
        with (home / "mosquitto.db.new").open("w") as file:
            file.write(str(number))
            file.flush()
            os.fsync(file.fileno())
        (home / "mosquitto.db.new").rename(home / "mosquitto.db")
    after_cut = tmp_path / "after-cut"
    shutil.copy(tmp_path / "image", after_cut)  # without what the machine has in memory alone
    subprocess.run(["e2fsck", "-f", "-y", str(after_cut)], capture_output=True, check=False)
    found = subprocess.run(
        ["debugfs", "-R", "cat /mosquitto/mosquitto.db", str(after_cut)], capture_output=True, check=True
    )
    assert found.stdout == b"19"
