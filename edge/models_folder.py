"""The models folder, and what its registry says without a model being loaded."""

from pathlib import Path

from edge.config import did_you_mean
from edge.core.registry import parse_registry
from edge.errors import ConfigError, ModelError
from edge.settings import Config

SHIPPED_DIR = Path(__file__).parent.parent / "models"


def models_dir(config: Config) -> Path:
    """The configured models folder, or the one that came along."""
    return Path(config.infer.models_dir or SHIPPED_DIR)


def twins_dir(models: Path) -> Path:
    """Where the fp32 twins of a models folder are, if anywhere: `models-fp32` beside `models`."""
    folder = models.resolve()
    return folder.with_name(f"{folder.name}-fp32")


def on_thresholds_w(config: Config) -> dict[str, float]:
    """The appliances that the registry knows, and from how many W each is on; none where it cannot be read."""
    try:
        specs, _ = parse_registry((models_dir(config) / "registry.json").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ModelError):
        return {}
    return {appliance.name: appliance.on_threshold_w for spec in specs for appliance in spec.appliances}


def chosen(config: Config) -> frozenset[str]:
    """The appliances that the home has (infer.appliances); empty: nobody said. ConfigError for one that is unknown.

    A registry that cannot be read says so where the models are loaded.
    """
    names = frozenset(name.strip() for name in config.infer.appliances.split(",") if name.strip())
    known = on_thresholds_w(config).keys()
    for name in sorted(names - known) if known else ():
        raise ConfigError(
            f"infer.appliances: no model in {models_dir(config)} has {name!r}"
            f"{did_you_mean(name, set(known))}; there are {', '.join(sorted(known))}"
        )
    return names
