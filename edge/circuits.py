"""Meters of single appliances: how many a building has, and whether a model knows their names."""

from collections import Counter

from edge.config import did_you_mean
from edge.errors import ConfigError
from edge.models_folder import chosen, models_dir, on_thresholds_w
from edge.settings import Config


def circuits_of(config: Config) -> dict[str, int]:
    """How many appliances of a building are measured; those without any are left out."""
    return dict(Counter(meter.building for meter in config.meters if meter.appliance))


def check_names(config: Config) -> None:
    """ConfigError where a meter is of an appliance that nothing is said of: then nothing would be compared with it.

    A registry that cannot be read is the business of nilm-infer.
    """
    known, home = on_thresholds_w(config), chosen(config)
    for i, meter in enumerate(config.meters):
        if known and meter.appliance and meter.appliance not in known:
            raise ConfigError(
                f"meters[{i}].appliance: no model in {models_dir(config)} has {meter.appliance!r}"
                f"{did_you_mean(meter.appliance, set(known))}; there are {', '.join(sorted(known))}"
            )
        if home and meter.appliance and meter.appliance not in home:
            raise ConfigError(f"meters[{i}].appliance: infer.appliances leaves {meter.appliance!r} out; add it there")
