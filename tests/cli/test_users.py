"""nilm-edge user, as a person calls it."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.adapters.accounts import Accounts
from edge.adapters.passwords import is_password
from edge.cli import main
from edge.core.grants import Role

User = Callable[..., tuple[int, str]]


@pytest.fixture
def user(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> User:
    """Run `nilm-edge user …`: its exit code and what it prints; what is an error begins with nilm-edge."""
    file = tmp_path / "config.toml"
    file.write_text(f'data_dir = "{tmp_path}"\n')

    def run(*arguments: str, stdin: str = "") -> tuple[int, str]:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        code = main(["user", *arguments, "--config", str(file)])
        said = capsys.readouterr()
        return code, said.out or said.err

    return run


def test_an_accounts_life(user: User, tmp_path: Path) -> None:
    assert "no account yet" in user("list")[1]
    code, said = user("add", "anna", stdin="a long password\n")
    assert code == 0, said
    assert "as admin" in said
    assert "as viewer" in user("add", "vera", "--grant", "home", "--grant", "barn/Oven", stdin="a long password\n")[1]
    accounts = Accounts(tmp_path)
    stored = accounts.password_of("vera")
    assert stored is not None
    assert stored.startswith("$argon2id$")
    assert is_password(stored, "a long password")
    assert not is_password(stored, "another")
    assert user("password", "vera", stdin="another password\n")[0] == 0
    assert is_password(accounts.password_of("vera"), "another password")

    token = user("token", "vera", "--label", "script")[1].strip()
    caller = accounts.by_token(token)
    assert caller is not None
    assert (caller.name, caller.role, caller.grants) == ("vera", Role.VIEWER, ("home", "barn/Oven"))
    assert token.encode() not in accounts.file.read_bytes()
    assert json.loads(user("list", "--json")[1])[1] == {
        "name": "vera", "role": "viewer", "grants": ["home", "barn/Oven"], "tokens": ["script"],
    }  # fmt: skip
    assert user("token", "vera", "--label", "script")[0] == 1
    assert user("token", "vera", "--label", "script", "--revoke")[0] == 0
    assert accounts.by_token(token) is None
    assert user("add", "vera", stdin="a long password\n")[0] == 1
    assert user("remove", "vera")[0] == 0
    assert [account.caller.name for account in accounts.everyone()] == ["anna"]


@pytest.mark.parametrize(
    ("arguments", "stdin", "said"),
    [
        (["add", "a b"], "a long password", "user name"),
        (["add", "anna"], "short", "10 characters"),
        (["add", "annaannaanna"], "annaannaanna", "not the name"),
        (["add", "anna", "--grant", "a/b/c"], "a long password", "grant"),
        (["remove", "bea"], "", "no account bea"),
        (["password", "bea"], "", "no account bea"),
        (["token", "bea"], "", "no account bea"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(user: User, arguments: list[str], stdin: str, said: str) -> None:
    code, told = user(*arguments, stdin=stdin)
    assert code == 1
    assert told.startswith("nilm-edge: ")
    assert said in told


def test_a_hash_for_provisioning(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("a long password\n"))
    assert main(["user", "hash"]) == 0
    assert is_password(capsys.readouterr().out.strip(), "a long password")
