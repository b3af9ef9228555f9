"""`nilm-edge provision`: one file on the boot partition makes a box; secrets do not stay there."""

import json
import re
import shutil
from pathlib import Path

import pytest

from edge.adapters.accounts import Accounts
from edge.adapters.passwords import hash_password, is_password
from edge.config import load_config
from edge.core.grants import Role
from edge.errors import ConfigError, NilmError, Unavailable
from edge.new_accounts import FOLDER, take
from edge.provision import Box, box_id, provision
from tests.services.appliance import nilm_edge

ROOT = Path(__file__).parents[2]
FLEET = """\
# what the whole street has
durability = "relaxed"

[mqtt]
host = "broker.example"
username = "{hostname}"
password = "broker secret"
tls = true
key = '''
-----BEGIN PRIVATE KEY-----
abc
-----END PRIVATE KEY-----
'''

[central]
url = "https://influx.example:8086"
token = "central secret"
bucket = "street"

[gateway]
host = "0.0.0.0"
port = 80
admin_token = "admin secret of more than thirty-two letters"

[gateway.jwt]
secret = "jwt secret"

[homeassistant]
id = "nilm-{id}"

[[meters]]
building = "home-{id}"
family = "shelly-gen2"
topic = "shellypro3em-{id}/events/rpc"
"""
SECRETS = {
    "mqtt/password": "broker secret",
    "mqtt/key": "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----",
    "central/token": "central secret",
    "gateway/admin_token": "admin secret of more than thirty-two letters",
    "gateway/jwt_secret": "jwt secret",
}


@pytest.fixture
def box(tmp_path: Path) -> Box:
    """A machine as the package leaves it: each setting stands in the configuration, as a comment."""
    (tmp_path / "etc/nilm-edge").mkdir(parents=True)
    (tmp_path / "boot/firmware").mkdir(parents=True)
    (tmp_path / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    documented = (ROOT / "docs/config.toml").read_text()
    file = tmp_path / "etc/nilm-edge/config.toml"
    file.write_text(re.sub(r"^([a-z0-9_]* = )", r"#\1", documented, flags=re.MULTILINE))
    file.chmod(0o640)
    return Box(tmp_path)


@pytest.fixture
def file(box: Box) -> Path:
    place = box.root / "boot/firmware/nilm-edge.toml"
    place.write_text(FLEET)
    return place


def everything(folder: Path) -> str:
    return "".join(one.read_text() for one in sorted(folder.rglob("*")) if one.is_file())


def test_one_file_makes_a_box(box: Box, file: Path) -> None:
    before = box.config.read_text()
    assert box.waiting() == file
    done = provision(file, box)
    config = load_config(box.config, {})
    number = box_id(box.root)
    assert (config.durability, config.mqtt.host, config.mqtt.tls) == ("relaxed", "broker.example", True)
    assert (config.central.bucket, config.gateway.host, config.gateway.port) == ("street", "0.0.0.0", 80)
    assert config.homeassistant.id == f"nilm-{number}"
    (meter,) = config.meters
    assert (meter.building, meter.topic) == (f"home-{number}", f"shellypro3em-{number}/events/rpc")
    assert "{" not in config.mqtt.username
    assert (config.mqtt.password_file, config.central.token_file) == ("mqtt_password", "central_token")
    assert config.gateway.admin_token_file == "gateway_admin_token"
    assert config.gateway.jwt.secret_file == "gateway_jwt_secret"
    comments = [line for line in before.splitlines() if line.startswith("# ")]
    assert [line for line in box.config.read_text().splitlines() if line.startswith("# ")] == comments
    assert box.config.stat().st_mode & 0o777 == 0o640
    assert set(done["secrets"]) == SECRETS.keys()
    for name, secret in SECRETS.items():
        kept = box.secrets / name
        assert (kept.read_text().strip(), kept.stat().st_mode & 0o777) == (secret, 0o600)
        assert kept.parent.stat().st_mode & 0o777 == 0o700


def test_no_secret_stays_where_it_came_from(box: Box, file: Path) -> None:
    done = provision(file, box)
    assert not file.exists()
    assert box.waiting() is None
    left = everything(box.root / "boot") + box.config.read_text() + json.dumps(done)
    for secret in SECRETS.values():
        assert secret.splitlines()[-1] not in left
    assert 'bucket = "street"' in (file.parent / "nilm-edge.done.toml").read_text()


def test_done_twice_it_is_the_same(box: Box, file: Path) -> None:
    provision(file, box)
    once = everything(box.root / "etc")
    file.write_text(FLEET)  # as if power had gone before it was removed
    provision(file, box)
    assert everything(box.root / "etc") == once


def test_a_later_file_changes_what_it_names(box: Box, file: Path) -> None:
    provision(file, box)
    file.write_text('[mqtt]\nhost = "other.example"\n')
    provision(file, box)
    config = load_config(box.config, {})
    assert (config.mqtt.host, config.mqtt.password_file, config.gateway.port) == ("other.example", "mqtt_password", 80)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("not toml", "not valid TOML"),
        ("[mqtt]\nhots = 1\n", "mqtt.hots: unknown key"),
        ("[mqtt]\nport = 99999\n", "mqtt.port"),
        ("[mqtt]\npassword = 3\n", "mqtt.password: must be text"),
        ('[[meters]]\nfamily = "nope"\n', "family"),
        ('[central]\ntoken = ""\n', "central.token"),
    ],
)
def test_a_wrong_file_changes_nothing_and_says_so_beside_it(box: Box, file: Path, text: str, why: str) -> None:
    before = everything(box.root / "etc")
    file.write_text(text)
    with pytest.raises(ConfigError, match=why):
        provision(file, box)
    assert everything(box.root / "etc") == before
    assert file.read_text() == text
    assert why in (file.parent / "nilm-edge.error.txt").read_text()
    file.write_text("[mqtt]\nport = 1884\n")
    provision(file, box)
    assert not (file.parent / "nilm-edge.error.txt").exists()


def test_the_first_admin_comes_with_the_box(box: Box, file: Path) -> None:
    data_dir = box.root / "var/lib/nilm-edge"
    for secret, password in (
        ('password = "first of {id}"', "first of {id}"),
        (f'password_hash = "{hash_password("another password")}"', "another password"),
    ):
        file.write_text(f'[gateway]\nport = 80\n\n[account]\nname = "anna"\n{secret}\n')
        done = provision(file, box)
        (note,) = (data_dir / FOLDER).iterdir()
        left = everything(box.root / "boot") + everything(box.root / "etc") + note.read_text() + json.dumps(done)
        assert password not in left
        assert (done["account"], note.stat().st_mode & 0o777) == ("anna", 0o640)
        assert list(take(data_dir)) == ["anna"]
        assert list(take(data_dir)) == []
        (account,) = Accounts(data_dir).everyone()
        assert (account.caller.name, account.caller.role) == ("anna", Role.ADMIN)
        assert is_password(Accounts(data_dir).password_of("anna"), password)
    (data_dir / FOLDER / "vera.json").write_text("torn")
    with pytest.raises(Unavailable, match=r"vera\.json"):
        list(take(data_dir))


def test_an_account_that_cannot_be_left_changes_nothing(box: Box, file: Path) -> None:
    (box.root / "var").write_text("in the way")
    file.write_text('[gateway]\nport = 80\n\n[account]\nname = "anna"\npassword = "a long password"\n')
    before = everything(box.root / "etc")
    with pytest.raises(Unavailable):
        provision(file, box)
    assert everything(box.root / "etc") == before
    assert "cannot write" in (file.parent / "nilm-edge.error.txt").read_text()


@pytest.mark.parametrize(
    ("account", "why"),
    [
        ("", "account.name"),
        ('name = "anna"', "either password or password_hash"),
        ('name = "anna"\npassword = "too short"', "10 characters"),
        ('name = "of fice"\npassword = "a long password"', "user name"),
        ('name = "anna"\npassword = 1234567890', "account.password"),
        ('name = "anna"\npassword_hash = "a long password"', "user hash"),
        ('name = "anna"\npassword_hash = "$argon2id$v=19$m=4194304,t=9,p=1$c2FsdHNhbHQ$aGFzaGhhc2g"', "user hash"),
        ('name = "anna"\npassword = "a long password"\nrole = "admin"', "nothing else"),
    ],
)
def test_an_account_that_is_none_is_not_repeated_in_what_is_said(box: Box, file: Path, account: str, why: str) -> None:
    file.write_text(f"[account]\n{account}\n")
    with pytest.raises(ConfigError, match=why) as caught:
        provision(file, box)
    for secret in ("a long password", "too short", "1234567890"):
        assert secret not in str(caught.value)
    assert not (box.root / "var").exists()


def test_each_machine_has_an_id_of_its_own(box: Box) -> None:
    one = box_id(box.root)
    assert re.fullmatch(r"[0-9a-f]{12}", one)
    assert one not in (box.root / "etc/machine-id").read_text()
    (box.root / "etc/machine-id").write_text("f" * 32)
    assert box_id(box.root) != one
    for nothing in ("", "uninitialized\n"):
        (box.root / "etc/machine-id").write_text(nothing)
        with pytest.raises(NilmError, match="no id yet"):
            box_id(box.root)


def test_the_command(box: Box, file: Path) -> None:
    root = ("--root", str(box.root))
    assert nilm_edge("provision", "--id", *root).stdout.strip() == box_id(box.root)
    done = nilm_edge("provision", "--at-boot", "--json", *root)
    assert (done.returncode, json.loads(done.stdout)["file"]) == (0, str(file)), done.stderr
    again = nilm_edge("provision", "--at-boot", *root)
    assert (again.returncode, "nothing to do" in again.stdout) == (0, True)
    missing = nilm_edge("provision", str(file), *root)
    assert (missing.returncode, "there is no file" in missing.stderr) == (1, True)


def test_a_machine_without_a_configuration_gets_one(tmp_path: Path, box: Box, file: Path) -> None:
    box.config.unlink()
    provision(file, box)
    assert load_config(box.config, {}).central.bucket == "street"


def test_the_examples_of_the_documentation_are_taken(box: Box, file: Path) -> None:
    text = (ROOT / "docs/fleet.md").read_text()
    examples = re.findall(r"^(?:    .*\n|\n)+", text, re.MULTILINE)
    taken = 0
    for example in examples:
        plain = re.sub(r"^    ", "", example, flags=re.MULTILINE).strip() + "\n"
        if "[[meters]]" in plain and not plain.startswith("#cloud-config"):
            file.write_text(plain)
            provision(file, box)
            shutil.rmtree(box.secrets, ignore_errors=True)
            taken += 1
    assert taken >= 1


def test_the_unit_runs_before_all_others() -> None:
    unit = (ROOT / "systemd/nilm-edge-provision.service").read_text()
    before = " ".join(re.findall(r"^Before=(.*)$", unit, re.MULTILINE)).split()
    services = {file.name for file in (ROOT / "systemd").glob("nilm-*.service")}
    others = {name for name in services if not name.startswith(("nilm-edge-", "nilm-influxdb-"))}
    assert set(before) == others | {"nilm-gateway.socket"}
