"""A home that has only some of the appliances: the others are silent, and what is said of these stays the same."""

import numpy as np

from edge.adapters.onnx_model import load_models
from edge.core.choice import Chosen
from edge.core.disaggregator import Disaggregator
from edge.models import SHIPPED_DIR

NAMES = {"Kettle", "Fridge"}
START_MS = 1_767_571_200_000


def test_what_is_chosen_says_what_it_would_say_among_all() -> None:
    (whole,), _ = load_models(SHIPPED_DIR)
    some, every = Disaggregator([Chosen(whole, NAMES)]), Disaggregator([whole])
    assert [column.appliance for column in some.columns] == ["Fridge", "Kettle"]
    place = [[column.appliance for column in every.columns].index(name) for name in ("Fridge", "Kettle")]
    at_ms = START_MS + 1000 * np.arange(1200)
    mains_w = np.random.default_rng(5).choice([80.0, 210.0, 2300.0], 1200)
    (ours,), (theirs,) = some.score(at_ms, mains_w), every.score(at_ms, mains_w)
    assert (ours.values["p_on"] == theirs.values["p_on"][:, place]).all()
    assert (ours.values["on"] == theirs.values["on"][:, place]).all()
    assert (ours.values["power_w"] >= theirs.values["power_w"][:, place]).all()  # fewer share the mains
    some.warm("home", list(zip(at_ms[:600].tolist(), mains_w[:600].tolist(), strict=True)))
    for n in range(600, 700):
        tick = some.predict("home", int(at_ms[n]), float(mains_w[n]))
        assert tick.values.tolist() == ours.values[n].tolist()
        assert tick.other_w == ours.other_w[n]
