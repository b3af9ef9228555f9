"""The commands about accounts: nilm-edge user add, list, remove, password, token, hash."""

import argparse
import getpass
import json
import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge.adapters.accounts import Accounts
from edge.core.grants import ALL, Caller, Role, check_grants, check_name, check_password, role_of
from edge.errors import BadReading, NilmError
from edge.settings import Config

Command = Callable[[Any, str, str, str], argparse.ArgumentParser]
Load = Callable[[argparse.Namespace], Config]


def add(commands: Any, command: Command, load: Load) -> None:
    """Add the parsers; `command` makes one, `load` reads the configuration that its options name."""
    user = commands.add_parser("user", help="who may log in to the page", description="Who may log in to the page.")
    which = user.add_subparsers(title="commands", metavar="WHAT", required=True)

    def about(name: str, help_text: str, example: str, do: Callable[[argparse.Namespace, Accounts], None]) -> Any:
        parser = command(which, name, help_text, f"nilm-edge user {example}")
        parser.set_defaults(do=lambda options: do(options, Accounts(Path(load(options).data_dir))))
        if name != "list":
            parser.add_argument("name", metavar="NAME", help="the account's name")
        return parser

    new = about("add", "add an account; asks for its password", "add anna --role viewer --grant home", _add)
    roles = [role.name.lower() for role in Role]
    new.add_argument("--role", choices=roles, help="default: admin for the first account, then viewer")
    new.add_argument(
        "--grant",
        action="append",
        metavar="GRANT",
        help="a building, building/appliance, or * for all (default); may be given several times",
    )
    about("list", "the accounts, their roles, grants and tokens", "list --json", _list).add_argument(
        "--json", action="store_true", help="as JSON"
    )
    hashed = which.add_parser(
        "hash",
        help="print a password's hash, for [account] of a provisioning file",
        description="Print a password's hash, for [account] of a provisioning file. Asks for the password.",
        epilog="Example:\n  nilm-edge user hash",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    hashed.set_defaults(do=_hash)
    about("remove", "remove an account with its sessions and tokens", "remove anna", _remove)
    about("password", "give an account another password; ends its sessions", "password anna", _password)
    token = about("token", "make an API token for a program, shown once", "token anna --label backup-script", _token)
    token.add_argument("--label", default="token", metavar="TEXT", help="what it is for (default: token)")
    token.add_argument("--revoke", action="store_true", help="take the token of that label back instead")


def _add(options: argparse.Namespace, accounts: Accounts) -> None:
    from edge.adapters.passwords import hash_password  # noqa: PLC0415 - each command loads only what it needs

    first = not accounts.any()
    try:
        role = role_of(options.role or ("admin" if first else "viewer"))
        who = Caller(check_name(options.name), role, check_grants(options.grant or [ALL]))
    except BadReading as error:
        raise NilmError(f"{error}") from error
    if any(account.caller.name == who.name for account in accounts.everyone()):
        raise NilmError(f"there is an account {who.name} already; to change it, remove it first")
    if not accounts.add(who, hash_password(_ask_password(who.name))):
        raise NilmError(f"there is an account {who.name} already; to change it, remove it first")
    print(f"{who.name} may log in as {role.name.lower()}.")
    if first:
        print("From now on the page asks everyone to log in.")


def _list(options: argparse.Namespace, accounts: Accounts) -> None:
    found = [
        {
            "name": account.caller.name,
            "role": account.caller.role.name.lower(),
            "grants": list(account.caller.grants),
            "tokens": list(account.tokens),
        }
        for account in accounts.everyone()
    ]
    if options.json:
        print(json.dumps(found, indent=2))
        return
    for said in found:
        tokens = f"  tokens: {', '.join(said['tokens'])}" if said["tokens"] else ""
        print(f"{said['name']:20} {said['role']:9} {', '.join(said['grants'])}{tokens}")
    if not found:
        print("There is no account yet. Make one with: nilm-edge user add NAME")


def _remove(options: argparse.Namespace, accounts: Accounts) -> None:
    if not accounts.remove(options.name):
        raise _nobody(options.name)
    print(f"{options.name} is removed; open pages stop within two minutes.")
    if not accounts.any():
        print("There is no account left: on this machine itself, the page is open to look at again.")


def _password(options: argparse.Namespace, accounts: Accounts) -> None:
    from edge.adapters.passwords import hash_password  # noqa: PLC0415

    _check_known(options.name, accounts)
    accounts.set_password(options.name, hash_password(_ask_password(options.name)))
    print(f"{options.name} has another password and is logged out everywhere; API tokens stay.")


def _hash(_options: argparse.Namespace) -> None:
    from edge.adapters.passwords import hash_password  # noqa: PLC0415

    print(hash_password(_ask_password("")))


def _token(options: argparse.Namespace, accounts: Accounts) -> None:
    from edge.unit import now_ms  # noqa: PLC0415

    _check_known(options.name, accounts)
    if not 0 < len(options.label) <= 64 or not options.label.isprintable():
        raise NilmError("a label is 1 to 64 characters")
    if options.revoke:
        if not accounts.remove_token(options.name, options.label):
            raise NilmError(f"{options.name} has no token {options.label!r}; nilm-edge user list shows them")
        print(f"The token {options.label!r} is taken back.")
        return
    secret = f"nilm_{secrets.token_urlsafe(32)}"
    if not accounts.add_token(options.name, options.label, secret, now_ms()):
        raise NilmError(f"{options.name} has a token {options.label!r} already; choose another --label, or --revoke it")
    print("Send it as Authorization: Bearer TOKEN. It is not shown again:", file=sys.stderr)
    print(secret)


def _ask_password(name: str) -> str:
    """A password from the terminal, twice, or the first line of standard input."""
    if sys.stdin.isatty():
        password = getpass.getpass(f"Password for {name}: " if name else "Password: ")
        if password != getpass.getpass("Once more: "):
            raise NilmError("the two passwords differ")
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    try:
        return check_password(name, password)
    except BadReading as error:
        raise NilmError(f"{error}") from error


def _check_known(name: str, accounts: Accounts) -> None:
    if not any(account.caller.name == name for account in accounts.everyone()):
        raise _nobody(name)


def _nobody(name: str) -> NilmError:
    return NilmError(f"there is no account {name}; nilm-edge user list shows them")
