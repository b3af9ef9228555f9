"""Checks of files: who may read secrets, whether the data folder can be written, whether models can be trusted."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from edge.adapters.accounts import Accounts
from edge.config import secret_file
from edge.config_text import masked, secret_files, to_toml
from edge.doctor.finding import Finding, Look, fault, ok, warning
from edge.models import describe
from edge.models_folder import models_dir

_Found = Iterator[Finding]


def permissions(look: Look) -> _Found:
    """Whether secrets are private, and the data folder is there and ours."""
    found = [*_secret_files(look), *_config_file(look), *_data_folder(look)]
    yield from found or [ok("files", f"secrets are private, {look.config.data_dir} can be written")]


def _secret_files(look: Look) -> _Found:
    for name, file in secret_files(look.config):
        place = secret_file(file)
        if "/" not in place:
            continue  # a credential, which systemd gives to the service alone
        if name == "gateway.tls_key_file" or name.startswith("mqtt."):
            means = "What needs it does not start."
        else:
            means = "What needs it cannot log in."
        try:
            mode = Path(place).stat().st_mode
            with Path(place).open("rb"):
                pass
        except OSError as error:
            yield fault("files", f"{name}: {file}: {error.strerror}", means, "Put the file there, mode 0600.")
            continue
        if mode & (stat.S_IRWXO | stat.S_IWGRP):
            others = "Everybody on this machine can read, or change, this secret."
            yield warning("files", f"{name}: {place} is not private", others, f"sudo chmod 600 {place}")


def _config_file(look: Look) -> _Found:
    file, config = look.config_file, look.config
    if file is None or not file.exists() or not file.stat().st_mode & stat.S_IROTH:
        return
    if to_toml(masked(config)) != to_toml(config):
        means = "It holds a password or token, and everybody on this machine can read it."
        do = f"sudo chmod 640 {file}, or move the secret to a file of its own (token_file, password_file)."
        yield warning("files", f"{file} is not private", means, do)


def _data_folder(look: Look) -> _Found:
    place = Path(look.config.data_dir)
    try:
        about = place.stat()
    except OSError as error:
        do = "sudo systemctl start nilm-edge.target makes it; or correct data_dir."
        yield fault("files", f"{place}: {error.strerror}", "Nothing can be stored there.", do)
        return
    if os.geteuid() in {0, about.st_uid} and not os.access(place, os.W_OK):
        yield fault("files", f"{place} cannot be written", "Nothing can be stored there.", f"sudo chmod u+rwx {place}")
    accounts = Accounts(place).file
    try:
        if accounts.stat().st_mode & stat.S_IRWXO:
            means = "Everybody on this machine can copy the accounts and try passwords at leisure."
            yield warning("files", f"{accounts} is not private", means, f"sudo chmod 600 {accounts}")
    except OSError:
        pass  # none yet, or not ours to look at


def models(look: Look) -> _Found:
    """Whether each model of the registry is what the registry says, and runs."""
    do = "Put the models folder of this version back; nilm-edge models verify says more."
    for model in describe(models_dir(look.config)):
        name = f"model {model['id']}-{model['version']}"
        if model["state"] == "disabled":
            yield fault("models", f"{name} is off: {model['reason']}", "Its appliances are not told apart.", do)
        else:
            yield ok("models", f"{name}: {len(model['appliances'])} appliances")
