"""The virtual machine's disk: Debian 12 with its own servers, this checkout's services, and a kernel to boot."""

import hashlib
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

from edge.config_text import to_toml
from edge.durability import mosquitto_settings, redis_settings
from edge.settings import Config, Meter
from tests.appliance.machine import REPOSITORY, Machine, base_tree, checked

BUILD = REPOSITORY / "build" / "powercut"
HOME = "/opt/nilm-edge"
IMAGE_MB = 3000
SERVICES = ("ingest", "infer", "persist")
METER = Meter(family="generic", topic="meter/power", power="power_w", time="at_ms")
_SUITE = "bookworm"
_PACKAGES = "systemd-sysv iproute2 kmod cpio lz4 busybox-static linux-image-cloud-amd64"
_MODULES = (  # of what the machine has, in the order of what they need; Debian's own initrd takes ten times as long
    *("drivers/virtio/virtio", "drivers/virtio/virtio_ring", "drivers/virtio/virtio_pci_modern_dev"),
    *("drivers/virtio/virtio_pci_legacy_dev", "drivers/virtio/virtio_pci", "drivers/block/virtio_blk"),
    *("net/core/failover", "drivers/net/net_failover", "drivers/net/virtio_net"),
)
_NOT_NEEDED = (  # the fewer, the sooner it is up: a processor in software is ten times slower
    *(
        "getty@tty1.service",
        "serial-getty@ttyS0.service",
        "getty-static.service",
        "systemd-timesyncd.service",
    ),
    *(
        "apt-daily.timer",
        "apt-daily-upgrade.timer",
        "dpkg-db-backup.timer",
        "e2scrub_all.timer",
    ),
    *(
        "e2scrub_reap.service",
        "fstrim.timer",
        "logrotate.timer",
        "systemd-tmpfiles-clean.timer",
    ),
    *(
        "systemd-update-utmp.service",
        "systemd-update-utmp-runlevel.service",
        "systemd-pcrphase.service",
    ),
    *(
        "systemd-pcrphase-sysinit.service",
        "systemd-udevd.service",
        "systemd-udev-trigger.service",
    ),
    *(
        "systemd-udevd-kernel.socket",
        "systemd-udevd-control.socket",
        "systemd-binfmt.service",
    ),
    *(
        "proc-sys-fs-binfmt_misc.automount",
        "systemd-sysusers.service",
        "systemd-logind.service",
    ),
    *(
        "systemd-user-sessions.service",
        "modprobe@drm.service",
        "modprobe@configfs.service",
        "modprobe@fuse.service",
    ),
    *(
        "sys-kernel-config.mount",
        "sys-kernel-debug.mount",
        "sys-kernel-tracing.mount",
        "dev-hugepages.mount",
    ),
    *(
        "systemd-tmpfiles-setup-dev.service",
        "ifupdown-pre.service",
    ),
)
_PREPARE = f"""\
set -e
export DEBIAN_FRONTEND=noninteractive
cd {HOME} && scripts/setup.sh run
apt-get install -y --no-install-recommends {_PACKAGES}
cd /boot
kernel=$(basename /lib/modules/*)
at=$(grep -abo "$(printf '\\002\\041\\114\\030')" vmlinuz-$kernel | head -n 1 | cut -d: -f1)
tail -c +$((at + 1)) vmlinuz-$kernel | lz4 -dc >vmlinux || [ -s vmlinux ]
first=/tmp/first
mkdir -p $first/bin $first/dev $first/root
cp /usr/bin/busybox $first/bin/
for module in {" ".join(_MODULES)}; do cp /lib/modules/$kernel/kernel/$module.ko $first/; done
cat >$first/init <<'INIT'
#!/bin/busybox sh
for module in {" ".join(module.rpartition("/")[2] for module in _MODULES)}; do /bin/busybox insmod /$module.ko; done
/bin/busybox mount -t devtmpfs dev /dev
until /bin/busybox mount -t ext4 -o rw,errors=remount-ro /dev/vda /root; do /bin/busybox sleep 0.1; done
exec /bin/busybox switch_root /root /sbin/init
INIT
chmod 755 $first/init
(cd $first && find . | cpio --quiet -o -H newc) >/boot/first.cpio
rm -rf $first /root/.cache /var/cache/apt/archives/*.deb /var/lib/apt/lists/* /usr/sbin/policy-rc.d
"""
_NETWORK = """\
[Unit]
Description=Network
DefaultDependencies=no
After=systemd-modules-load.service
Before=network.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/sbin/ip link set lo up
ExecStart=/sbin/ip link set eth0 up
ExecStart=/sbin/ip address add 10.0.2.15/24 dev eth0
[Install]
WantedBy=sysinit.target
"""
_SERVICE = f"""\
[Unit]
Description=nilm-edge %i
After=network.target
[Service]
Type=notify
ExecStart={HOME}/.venv/bin/nilm-edge %i --config /etc/nilm-edge/config.toml
StateDirectory=nilm-edge
Restart=always
RestartSec=1
TimeoutStartSec=infinity
[Install]
WantedBy=multi-user.target
"""
_MEND_INFLUX = f"""\
[Service]
ExecStartPre=-{HOME}/.venv/bin/nilm-edge mend influxdb
"""
_MEND_REDIS = f"""\
[Service]
ExecStartPre=-+{HOME}/.venv/bin/nilm-edge mend redis
"""
_BACKFILL = f"""\
[Unit]
Description=nilm-edge backfill
[Service]
Type=oneshot
StateDirectory=nilm-edge
ExecStart={HOME}/.venv/bin/nilm-edge backfill --auto --config /etc/nilm-edge/config.toml
"""
_BACKFILL_TIMER = """\
[Timer]
OnBootSec=10
OnUnitInactiveSec=10
"""


def tree() -> Path:
    """The installed system without this checkout's code, made once for a set of lock files (ten minutes) and kept."""
    texts = [file.read_bytes() for file in sorted(REPOSITORY.glob("requirements*.lock"))]
    key = hashlib.sha256(b"".join([*texts, _PREPARE.encode()])).hexdigest()[:12]
    ready = BUILD / f"tree-{key}"
    if ready.exists():
        return ready
    for stale in BUILD.glob("tree-*"):
        shutil.rmtree(stale)
    half_made = BUILD / "tree.half"
    shutil.rmtree(half_made, ignore_errors=True)
    BUILD.mkdir(parents=True, exist_ok=True)
    print(f"Making the virtual machine's Debian in {ready}; the first time it is downloaded", flush=True)
    checked("cp", "--archive", "--reflink=auto", str(base_tree(_SUITE)), str(half_made))
    _copy_checkout(half_made)
    with Machine(half_made) as machine:
        done = machine.run(_PREPARE)
        assert done.returncode == 0, done.stdout
    half_made.rename(ready)
    return ready


def make_image(image: Path, durability: str) -> tuple[Path, Path]:
    """A disk image with an ext4 that holds it all; the kernel and its first files to boot it with."""
    system = tree()
    _copy_checkout(system)
    checked("chroot", str(system), f"{HOME}/.venv/bin/python", "-m", "compileall", "-q", f"{HOME}/edge")
    _configure(system, durability)
    image.parent.mkdir(parents=True, exist_ok=True)
    image.unlink(missing_ok=True)
    with image.open("wb") as file:
        os.truncate(file.fileno(), IMAGE_MB * 1024 * 1024)
    checked("mkfs.ext4", "-q", "-F", "-L", "root", "-E", "lazy_itable_init=0", "-d", str(system), str(image))
    return system / "boot/vmlinux", system / "boot/first.cpio"


def config_of(durability: str) -> Config:
    """The configuration inside; the shipped one but for the meter."""
    return replace(Config(), durability=durability, meters=(METER,))


def _copy_checkout(system: Path) -> None:
    """This checkout's files, as they are now."""
    home = system / HOME[1:]
    home.mkdir(parents=True, exist_ok=True)
    files = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, stdout=subprocess.PIPE, check=True).stdout
    here = [name for name in files.decode().split("\0") if name and (REPOSITORY / name).exists()]
    for folder in ("edge", "gateway", "models"):
        shutil.rmtree(home / folder, ignore_errors=True)
    for name in here:
        if not name.startswith(("tests/", "docs/")):
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, home / name)


def _configure(system: Path, durability: str) -> None:
    """What an installer does by docs/operations.md: the servers' settings by `durability`, the meter, the units."""
    etc = system / "etc"
    (etc / "nilm-edge").mkdir(exist_ok=True)
    (etc / "nilm-edge/config.toml").write_text(to_toml(config_of(durability), comments=False))
    broker = f"listener 1883\nallow_anonymous true\n{mosquitto_settings(durability)}"
    (etc / "mosquitto/conf.d/nilm-edge.conf").write_text(broker)
    if durability != "relaxed":
        (etc / "tmpfiles.d/nilm-edge.conf").write_text("h /var/lib/mosquitto - - - - +D\n")
    shipped = etc / "redis/redis.conf"
    text = shipped.read_text().partition("# nilm-edge\n")[0]
    shipped.write_text(f"{text}# nilm-edge\n{redis_settings(durability)}")
    units = etc / "systemd/system"
    (units / "nilm@.service").write_text(_SERVICE)
    for server, mend in (("influxdb", _MEND_INFLUX), ("redis-server", _MEND_REDIS)):
        (units / f"{server}.service.d").mkdir(exist_ok=True)
        (units / f"{server}.service.d/nilm-edge.conf").write_text(mend)
    # a shard's file each minute instead of each week or so, so that cuts fall into its making as well
    (etc / "default/influxdb").write_text("INFLUXDB_DATA_CACHE_SNAPSHOT_MEMORY_SIZE=128k\n")
    (units / "nilm-backfill.service").write_text(_BACKFILL)
    (units / "nilm-backfill.timer").write_text(_BACKFILL_TIMER)
    (units / "net.service").write_text(_NETWORK)
    (etc / "systemd/system.conf.d").mkdir(exist_ok=True)
    (etc / "systemd/system.conf.d/slow.conf").write_text("[Manager]\nDefaultTimeoutStartSec=infinity\n")
    (etc / "fstab").write_text("/dev/vda / ext4 errors=remount-ro 0 1\n")
    (etc / "hostname").write_text("nilm\n")
    (etc / "machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    for name in _NOT_NEEDED:
        (units / name).unlink(missing_ok=True)
        (units / name).symlink_to("/dev/null")
    _want(units / "sysinit.target.wants/net.service", units / "net.service")
    for service in SERVICES:
        _want(units / f"multi-user.target.wants/nilm@{service}.service", units / "nilm@.service")


def _want(link: Path, unit: Path) -> None:
    link.parent.mkdir(exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(f"/etc/systemd/system/{unit.name}")
