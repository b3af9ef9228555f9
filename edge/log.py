"""Log lines on standard error: systemd or `nilm-edge run` keeps them."""

import logging


def start_logging(level: str) -> None:
    """Send every logger's lines of `level` (debug, info, warning, error) and above to standard error."""
    logging.raiseExceptions = False  # a log that cannot be written must not stop or fill anything
    logging.basicConfig(level=level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
