"""systemd's notifications: ready, a status in words, the watchdog; nothing happens where systemd is not there."""

from systemd.daemon import notify


def ready() -> None:
    """The service is up."""
    notify("READY=1")


def progress(status: str) -> None:
    """The loop has gone round: feed the watchdog and say in words how it is."""
    notify(f"WATCHDOG=1\nSTATUS={status}")


def stopping() -> None:
    """The service is on its way out."""
    notify("STOPPING=1")
