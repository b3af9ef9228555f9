import numpy as np

from edge.core.busiest import Busiest
from edge.core.prediction import COLUMN, Column, PredictionTable
from edge.core.registry import Appliance

HOUR_MS = 3_600_000
KETTLE = Appliance("Kettle", 1000.0, 100.0, 1.0, 0.0, 0.5, 0.4, 0, 0, 1.0, 0.05, 0.5, 0.0, 0.0)


def test_it_keeps_the_day_with_most_seconds_on() -> None:
    busiest = Busiest([KETTLE])
    hours = np.arange(72)
    true_w = np.where(hours // 24 == 1, 2000, 0) * (hours % 2)
    true_w[5] = true_w[60] = 3000
    for part in np.array_split(hours, 7):
        values = np.zeros((len(part), 2), COLUMN)
        values["power_w"][:, 1] = part
        table = PredictionTable((Column("A", "m"), Column("Kettle", "m")), part * HOUR_MS, values, np.zeros(len(part)))
        busiest.add(table, [1], (part + 0.5).astype(np.float64), true_w[part, None].astype(np.float32))
    (day,) = busiest.days()
    assert day.appliance == "Kettle"
    assert (day.at_ms // HOUR_MS).tolist() == day.power_w.tolist() == list(range(24, 48))
    assert day.mains_w[0] == 24.5
    assert day.true_w.sum() == 12 * 2000
    assert Busiest([KETTLE]).days() == []
