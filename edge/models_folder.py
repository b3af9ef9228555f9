"""The models folder, and what its registry says without a model being loaded."""

from pathlib import Path

from edge.core.registry import parse_registry
from edge.errors import ModelError
from edge.settings import Config

SHIPPED_DIR = Path(__file__).parent.parent / "models"


def models_dir(config: Config) -> Path:
    """The configured models folder, or the one that came along."""
    return Path(config.infer.models_dir or SHIPPED_DIR)


def on_thresholds_w(config: Config) -> dict[str, float]:
    """The appliances that the registry knows, and from how many W each is on; none where it cannot be read."""
    try:
        specs, _ = parse_registry((models_dir(config) / "registry.json").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ModelError):
        return {}
    return {appliance.name: appliance.on_threshold_w for spec in specs for appliance in spec.appliances}
