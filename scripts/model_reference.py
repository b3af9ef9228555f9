"""Writes each model's reference for `nilm-edge doctor --self-test`, on x86: model_reference.py [models]"""

import platform
import sys
from pathlib import Path

import numpy as np

from edge.adapters.onnx_model import load_models
from edge.models_folder import SHIPPED_DIR
from edge.self_test import answer, reference_name, trial_mains_w


def main(folder: Path) -> None:
    """One file a model, beside it."""
    if platform.machine() != "x86_64":
        sys.exit("references are made on x86, for others to be compared with")
    models, disabled = load_models(folder)
    for one in disabled:
        sys.exit(f"{one.id}: {one.reason}")
    for model in models:
        mains_w = trial_mains_w()
        y, layers = answer(model, mains_w)
        file = folder / reference_name(model)
        np.savez_compressed(file, mains_w=mains_w, layers=layers, y=y)
        print(f"{file}: {file.stat().st_size} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else SHIPPED_DIR)
