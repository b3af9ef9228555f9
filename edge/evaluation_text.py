"""What `evaluate` found, for a person."""

from typing import Any

_HEAD = (
    *("appliance", "F1", "prec", "recall", "MAE W", "zero W", "skill", "SAE", "daily", "NDE", "TECA", "match"),
    *("ECE", "cover", "on h", "runs", "said", "F1 fp32", "MAE fp32"),
)


def as_text(figures: dict[str, Any]) -> str:
    """A table, a row an appliance, and what has to be known to read it."""
    rows = [_HEAD, *(_row(appliance) for appliance in figures["appliances"])]
    widths = [max(len(row[n]) for row in rows) for n in range(len(_HEAD))]
    lines = [_title(figures), ""]
    for row in rows:
        lines.append(
            "  ".join(
                cell.ljust(w) if n == 0 else cell.rjust(w) for n, (cell, w) in enumerate(zip(row, widths, strict=True))
            )
        )
    return "\n".join([*lines, "", *_notes(figures)])


def _title(figures: dict[str, Any]) -> str:
    days = figures["seconds"] / 86_400
    return (
        f"{figures['data']}: {days:.1f} days at 1 s, a row every {figures['interval_s']:g} s in {figures['segments']} "
        f"segments; {', '.join(figures['models'])}"
    )


def _notes(figures: dict[str, Any]) -> list[str]:
    over, negative = (figures["violations"][name] for name in ("sum_over_mains_s", "negative_s"))
    fp32 = figures["fp32_macro_f1"]
    notes = [
        f"macro F1 {figures['macro_f1']:.3f}, TECA of all {_number(figures['teca'], 3)}, "
        f"mean cover {_number(figures['interval_coverage'], 3)}"
        + (f", macro F1 of the fp32 graphs {fp32:.3f}" if fp32 is not None else ""),
        f"sum over mains: {over} s, negative power: {negative} s; {figures['warmup_s']} s had less history than wanted",
        "On: what the model says (probability, least durations) against true power at or above the threshold:",
        "  " + ", ".join(f"{a['appliance']} {a['on_threshold_w']:g} W" for a in figures["appliances"]),
        "zero W: the MAE of saying 0 W always; skill: the share of it that is gone; cover: of the 90 % intervals, "
        "while on or said on.",
    ]
    if fp32 is None:
        notes.append(
            "fp32: no twins of these models there. A clone has those of the shipped ones in models-fp32, and "
            "scripts/quantize.py writes them beside the models; --fp32 names another folder."
        )
    if figures["not_measured"]:
        notes.append(f"Not in the file: {', '.join(figures['not_measured'])}.")
    if figures["columns_not_used"]:
        notes.append(f"Columns of the file that no model serves: {', '.join(figures['columns_not_used'])}.")
    return notes


def _row(a: dict[str, Any]) -> tuple[str, ...]:
    fp32 = a["fp32"] or {}
    return (
        a["appliance"],
        *(_number(a[name], 3) for name in ("f1", "precision", "recall")),
        *(_number(a[name], 2) for name in ("mae_w", "always_zero_mae_w", "skill", "sae", "sae_daily", "nde")),
        *(_number(a[name], 3) for name in ("teca", "match_ratio", "ece", "interval_coverage")),
        f"{a['on_s'] / 3600:.1f}",
        *(str(a[name]) for name in ("runs", "predicted_runs")),
        *(_number(fp32.get(name), digits) for name, digits in (("f1", 3), ("mae_w", 2))),
    )


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
