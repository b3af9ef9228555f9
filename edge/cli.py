"""The command `nilm-edge`."""

import argparse
import atexit
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from edge import (
    __version__,
    cli_announce,
    cli_backup,
    cli_diagnostics,
    cli_doctor,
    cli_gaps,
    cli_history,
    cli_load,
    cli_mend,
    cli_meters,
    cli_provision,
    cli_ready,
    cli_setup,
    cli_sync,
    cli_upgrade,
    cli_users,
)
from edge.adapters.files import hand_over
from edge.config import influx_token, load_config, only_building
from edge.config_text import masked, to_toml
from edge.errors import NilmError
from edge.log import start_logging
from edge.meters import FAMILIES
from edge.settings import Config

_RUN_DIR = Path("var")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code: 0 good, 1 failed, 2 wrong usage or a server missing, 78 wrong configuration."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.do(options) or 0)
    except NilmError as error:
        print(f"nilm-edge: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read our output has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nilm-edge",
        description="An energy appliance: one mains meter in, every appliance out.",
        epilog="Start with:  nilm-edge run",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"nilm-edge {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_run(commands)
    for name, help_text in _SERVICES.items():
        service = _command(commands, name, help_text, f"nilm-edge {name} --config /etc/nilm-edge/config.toml")
        service.set_defaults(do=_serve, service=name)
        if name == "simulate":
            service.add_argument("--preceding-hour", action="store_true", help="first put in the hour before, once")
            service.add_argument(
                "--format", choices=(*FAMILIES, "json"), metavar="FAMILY", help="a meter family's, or json"
            )
            service.add_argument("--topic", help="MQTT topic to publish to")
    config = _command(
        commands, "config", "print the effective configuration, secrets masked", "nilm-edge config --json"
    )
    config.add_argument("--json", action="store_true", help="as JSON")
    config.add_argument("--defaults", action="store_true", help="the defaults, with a comment on every key")
    config.add_argument(
        "--for", dest="server", choices=("redis", "mosquitto"), help="what that server's own configuration must have"
    )
    config.set_defaults(do=_config)
    status = _command(commands, "status", "how each service and building is", "nilm-edge status --json --last 600")
    status.add_argument("--json", action="store_true", help="as JSON")
    status.add_argument("--last", type=_seconds, default=600, metavar="S", help="newest seconds to check (default 600)")
    status.set_defaults(do=_status)
    cli_history.add(commands, _command, _load)
    cli_gaps.add(commands, _command, _load)
    cli_backup.add(commands, _command, _load)
    cli_doctor.add(commands, _command, _load)
    cli_diagnostics.add(commands, _command, _load)
    cli_mend.add(commands)
    cli_meters.add(commands, _command, _load)
    cli_setup.add(commands, _command)
    cli_provision.add(commands)
    cli_sync.add(commands, _command, _load)
    cli_announce.add(commands, _command, _load)
    cli_upgrade.add(commands, _command, _load)
    cli_users.add(commands, _command, _load)
    cli_ready.add(commands, _command, _load)
    _add_models(commands)
    _add_evaluate(commands)
    _add_bench(commands)
    return parser


_SERVICES = {
    "simulate": "play the recorded home to MQTT as a meter would",
    "ingest": "read meters from MQTT into the last hour",
    "infer": "split each second into appliances",
    "persist": "store every second in InfluxDB",
    "gateway": "serve the web page and the API",
}


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, help_text: str, example: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=help_text,
        description=f"{help_text[0].upper()}{help_text[1:]}.",
        epilog=f"Example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="configuration (default: of the running `nilm-edge run` here, or /etc/nilm-edge/config.toml)",
    )
    return parser


def _add_run(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    run = _command(
        commands,
        "run",
        "run the whole appliance here, with a simulated home",
        "nilm-edge run --data-dir var --port 8080",
    )
    run.add_argument(
        "--data-dir", type=Path, default=_RUN_DIR, metavar="DIR", help="where all data goes (default: var)"
    )
    run.add_argument("--port", type=_port, metavar="N", help="port of the web page (default: 8080, or a free one)")
    run.add_argument("--safe", action="store_true", help="storage and the page alone, to look at what is there")
    run.set_defaults(do=_run)


def _add_models(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    models = commands.add_parser("models", help="which models there are", description="Which models there are.")
    which = models.add_subparsers(title="commands", metavar="WHAT", required=True)
    for name, help_text in (
        ("list", "the models and whether each serves"),
        ("verify", "load each model and compare its two graphs; exit code 1 where one is off"),
    ):
        command = _command(which, name, help_text, f"nilm-edge models {name} --json")
        command.add_argument("--models", type=Path, metavar="DIR", help="models folder (default: the one that serves)")
        command.add_argument("--json", action="store_true", help="as JSON")
        command.set_defaults(do=_models, verify=name == "verify")


def _add_evaluate(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    evaluate = _command(
        commands,
        "evaluate",
        "how good the models are on a recording with labelled appliances",
        "nilm-edge evaluate simulation_data.parquet --json figures.json --plots plots",
    )
    evaluate.add_argument("data", type=Path, metavar="DATA.parquet", help="columns: time, mains_w, one an appliance")
    evaluate.add_argument("--models", type=Path, metavar="DIR", help="models folder (default: the one that serves)")
    evaluate.add_argument("--fp32", type=Path, metavar="DIR", help="their fp32 twins (default: the same and -fp32)")
    evaluate.add_argument("--json", type=Path, metavar="OUT", help="write the figures to this file")
    evaluate.add_argument("--plots", type=Path, metavar="DIR", help="draw each appliance's busiest day (matplotlib)")
    evaluate.set_defaults(do=_evaluate)


def _add_bench(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    bench = commands.add_parser("bench", help="measure this machine", description="Measure this machine.")
    which = bench.add_subparsers(title="benchmarks", metavar="WHAT", required=True)
    pipeline = _command(
        which,
        "pipeline",
        "latency, CPU, memory and disk writes of the whole chain",
        "nilm-edge bench pipeline --seconds 60 --json pipeline.json",
    )
    pipeline.add_argument("--seconds", type=_seconds, default=60, metavar="N", help="how long to measure (default 60)")
    pipeline.add_argument("--json", type=Path, metavar="OUT", help="write the figures to this file")
    pipeline.set_defaults(do=_bench_pipeline)
    inference = _command(
        which,
        "inference",
        "what one second costs, for one building and for many",
        "nilm-edge bench inference --json inference.json",
    )
    inference.add_argument(
        "--seconds", type=_seconds, default=10_000, metavar="N", help="seconds to run (default 10000)"
    )
    inference.add_argument("--json", type=Path, metavar="OUT", help="write the figures to this file")
    inference.set_defaults(do=_bench_inference)
    durability = _command(
        which,
        "durability",
        "bytes and fsyncs an hour for each value of that setting (needs strace)",
        "nilm-edge bench durability --seconds 60",
    )
    durability.add_argument("--seconds", type=_seconds, default=60, metavar="N", help="how long each (default 60)")
    durability.add_argument("--json", type=Path, metavar="OUT", help="write the figures to this file")
    durability.set_defaults(do=_bench_durability)
    cli_history.add_bench(which, _command, _load)
    cli_sync.add_bench(which, _command, _load)
    cli_load.add_bench(which, _command, _load)


def _port(text: str) -> int:
    if text.isdecimal() and 0 < int(text) < 65536:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a port from 1 to 65535")


def _seconds(text: str) -> int:
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")


def _load(options: argparse.Namespace) -> Config:
    file = options.config
    here = _RUN_DIR / "config.toml"
    if file is None and here.exists():
        file = here
    config = load_config(file)
    if os.geteuid() == 0:
        atexit.register(hand_over, Path(config.data_dir))
    return config


def _run(options: argparse.Namespace) -> None:
    from edge.run import run  # noqa: PLC0415 - each command loads only what it needs

    run(load_config(options.config), options.data_dir, options.port, safe=options.safe)


def _serve(options: argparse.Namespace) -> None:
    config = _load(options)
    start_logging(config.log_level, config.log_format, only_building(config), options.service)
    match options.service:
        case "simulate":
            from edge.simulate import run as simulate  # noqa: PLC0415

            chosen = {name: value for name in ("format", "topic") if (value := getattr(options, name))}
            simulate(
                replace(config, simulator=replace(config.simulator, **chosen)), preceding_hour=options.preceding_hour
            )
        case "ingest":
            from edge.ingest import run as ingest  # noqa: PLC0415

            ingest(config)
        case "infer":
            from edge.infer import run as infer  # noqa: PLC0415

            infer(config)
        case "persist":
            from edge.data_version import check  # noqa: PLC0415
            from edge.persist import run as persist  # noqa: PLC0415

            check(Path(config.data_dir))
            persist(config)
        case "gateway":
            from gateway.serve import run as gateway  # noqa: PLC0415

            gateway(config)


def _config(options: argparse.Namespace) -> None:
    if options.defaults:
        print(to_toml(Config(), comments=True), end="")
        return
    if options.server:
        from edge.durability import mosquitto_settings, redis_settings  # noqa: PLC0415

        settings = {"redis": redis_settings, "mosquitto": mosquitto_settings}[options.server]
        print(settings(_load(options).durability), end="")
        return
    shown = masked(_load(options))
    print(json.dumps(asdict(shown), indent=2) if options.json else to_toml(shown), end="\n" if options.json else "")


def _status(options: argparse.Namespace) -> int:
    from edge.adapters.influx import Influx  # noqa: PLC0415
    from edge.adapters.streams import Streams  # noqa: PLC0415
    from edge.status import as_text, status  # noqa: PLC0415
    from edge.unit import now_ms  # noqa: PLC0415

    config = _load(options)
    influx = Influx.connect(config.influx, influx_token(config))
    found = status(Streams.connect(config.redis.url), influx, config, now_ms(), options.last)
    print(json.dumps(found, indent=2) if options.json else as_text(found))
    alive = [service["alive"] for service in found["services"].values()]
    return 0 if alive and all(alive) else 1


def _models(options: argparse.Namespace) -> int:
    from edge.models import as_text, describe, models_dir  # noqa: PLC0415

    found = describe(options.models or models_dir(_load(options)), verify=options.verify)
    print(json.dumps(found, indent=2) if options.json else as_text(found))
    return int(options.verify and any(model["state"] == "disabled" for model in found))


def _evaluate(options: argparse.Namespace) -> None:
    from edge.evaluate import run as evaluate  # noqa: PLC0415
    from edge.models_folder import models_dir, twins_dir  # noqa: PLC0415

    models = options.models or models_dir(_load(options))
    evaluate(options.data, models, options.fp32 or twins_dir(models), options.json, options.plots)


def _bench_inference(options: argparse.Namespace) -> None:
    from edge.bench.inference import run as inference  # noqa: PLC0415

    inference(load_config(options.config), options.seconds, options.json)


def _bench_durability(options: argparse.Namespace) -> None:
    from edge.bench.durability import run as durability  # noqa: PLC0415

    durability(load_config(options.config), options.seconds, options.json)


def _bench_pipeline(options: argparse.Namespace) -> None:
    from edge.bench.pipeline import run as pipeline  # noqa: PLC0415

    pipeline(load_config(options.config), options.seconds, options.json)
