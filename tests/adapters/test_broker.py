"""A broker that wants TLS, a certificate, a user and a password; one that several share; one behind a bridge."""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge.adapters.mqtt import Listener, Publisher, broker_answers
from edge.adapters.processes import Child, free_port
from edge.errors import ConfigError
from edge.private_servers import find_servers
from edge.settings import Config, Mqtt
from tests.servers import wait_for_answer, wait_until

DOCS = Path(__file__).parent.parent.parent / "docs" / "meters.md"


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def _certificate(folder: Path, name: str, authority: str) -> None:
    """A key and a certificate for this machine, signed by `authority`, or by itself."""
    key = [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-keyout",
        str(folder / f"{name}.key"),
    ]
    what = ["-subj", f"/CN={name}", "-out", str(folder / f"{name}.crt"), "-days", "2"]
    if not authority:
        _openssl("req", "-x509", *key, *what)
        return
    signer = ["-CA", str(folder / f"{authority}.crt"), "-CAkey", str(folder / f"{authority}.key")]
    _openssl("req", *key, *what[:2], "-out", str(folder / f"{name}.csr"))
    (folder / "ext").write_text("subjectAltName=IP:127.0.0.1\n")
    extension = ["-extfile", str(folder / "ext"), "-CAcreateserial"]
    _openssl("x509", "-req", "-in", str(folder / f"{name}.csr"), *signer, *what[2:], *extension)


def _mosquitto(folder: Path, name: str, settings: str) -> Child:
    file = folder / f"{name}.conf"
    file.write_text(f"user root\n{settings}\nlog_type error\nlog_type warning\n")
    return Child(name, [find_servers()["mosquitto"], "-c", str(file)], folder / f"{name}.log")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Mqtt]]:
    """A broker that speaks TLS alone and wants a certificate, a user and a password; and what gets us in."""
    folder = tmp_path_factory.mktemp("guarded")
    for name, authority in (("authority", ""), ("broker", "authority"), ("edge", "authority"), ("stranger", "")):
        _certificate(folder, name, authority)
    (folder / "password").write_text("of the edge\n")
    (folder / "users").touch(mode=0o600)
    subprocess.run(["mosquitto_passwd", "-b", str(folder / "users"), "edge", "of the edge"], check=True)
    port = free_port()
    broker = _mosquitto(
        folder,
        "guarded",
        f"""listener {port} 127.0.0.1
cafile {folder}/authority.crt
certfile {folder}/broker.crt
keyfile {folder}/broker.key
require_certificate true
allow_anonymous false
password_file {folder}/users""",
    )
    broker.start()
    settings = Mqtt(
        host="127.0.0.1",
        port=port,
        client_id="guarded",
        username="edge",
        password_file=f"{folder}/password",
        tls=True,
        ca_file=f"{folder}/authority.crt",
        cert_file=f"{folder}/edge.crt",
        key_file=f"{folder}/edge.key",
    )
    wait_for_answer(lambda: broker_answers(settings))
    yield folder, settings
    broker.terminate()
    broker.wait_or_kill(5)


def test_tls_with_a_certificate_and_a_password_gets_in(guarded: tuple[Path, Mqtt]) -> None:
    _, settings = guarded
    listener = Listener(settings, ["tls/meter"])
    publisher = Publisher(settings, "tls-publisher")
    wait_until(lambda: bool(listener.messages(0.05)) or listener.connected)
    listener.messages(0.2)
    for n in range(50):
        publisher.publish("tls/meter", str(n).encode())
    got: list[bytes] = []

    def all_there() -> bool:
        publisher.turn(0.01)
        for message in listener.messages(0.01):
            got.append(message.payload)
            listener.acknowledge(message)
        return len(got) == 50

    wait_until(all_there)
    assert got == [str(n).encode() for n in range(50)]
    publisher.close()
    listener.close()


def _refusal(settings: Mqtt) -> str:
    listener = Listener(settings, ["tls/meter"])
    wait_until(lambda: bool(listener.messages(0.05)) or bool(listener.refused))
    assert not listener.connected
    return listener.refused


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # paho leaves closing to Python
@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"ca_file": "stranger.crt"}, "no TLS with the MQTT broker .*CERTIFICATE_VERIFY_FAILED"),
        ({"password_file": "wrong"}, "the MQTT broker refuses nilm-edge: Not authorized"),
        ({"username": ""}, "the MQTT broker refuses nilm-edge: Not authorized"),
        ({"host": "localhost"}, "no TLS with the MQTT broker at localhost.*mismatch"),
    ],
)
def test_who_is_not_let_in_is_told_why(guarded: tuple[Path, Mqtt], changes: dict[str, str], why: str) -> None:
    folder, settings = guarded
    (folder / "wrong").write_text("something else\n")
    placed = {name: str(folder / value) if name.endswith("_file") else value for name, value in changes.items()}
    assert re.search(why, _refusal(replace(settings, **placed)))  # type: ignore[arg-type]


def test_certificates_that_cannot_be_used_are_a_fault_of_the_configuration(guarded: tuple[Path, Mqtt]) -> None:
    folder, settings = guarded
    for changes in ({"ca_file": "/nowhere"}, {"key_file": f"{folder}/stranger.key"}):
        with pytest.raises(ConfigError, match="cannot use the certificates"):
            Listener(replace(settings, **changes), ["tls/meter"])  # type: ignore[arg-type]


def test_a_shared_feed_is_told_to_one_of_its_listeners(config: Config) -> None:
    listeners = [
        Listener(replace(config.mqtt, client_id=f"shared-{n}"), ["$share/edges/shared/+/meter"]) for n in range(2)
    ]
    publisher = Publisher(config.mqtt, "shared-publisher")
    for listener in listeners:
        wait_until(lambda listener=listener: bool(listener.messages(0.02)) or listener.connected)  # type: ignore[misc]
        listener.messages(0.2)
    got: list[list[bytes]] = [[], []]
    for n in range(40):
        publisher.publish(f"shared/{n}/meter", str(n).encode())

    def all_there() -> bool:
        publisher.turn(0.01)
        for listener, heard in zip(listeners, got, strict=True):
            for message in listener.messages(0.01):
                heard.append(message.payload)
                listener.acknowledge(message)
        return len(got[0]) + len(got[1]) == 40

    wait_until(all_there)
    assert sorted(got[0] + got[1]) == sorted(str(n).encode() for n in range(40))
    assert got[0]
    assert got[1]
    for connection in (*listeners, publisher):
        connection.close()


def test_the_documented_bridge_brings_what_was_said_while_the_line_was_cut(
    guarded: tuple[Path, Mqtt], tmp_path: Path
) -> None:
    _, far = guarded
    found = re.search(r"```\n(connection far.*?)```", DOCS.read_text(), re.DOTALL)
    assert found
    port = free_port()
    for pattern, value in (
        (r"(?m)^address .*", f"address 127.0.0.1:{far.port}"),
        (r"(?m)^bridge_cafile .*", f"bridge_cafile {far.ca_file}"),
        (r"(?m)^bridge_certfile .*", f"bridge_certfile {far.cert_file}"),
        (r"(?m)^bridge_keyfile .*", f"bridge_keyfile {far.key_file}"),
        (r"(?m)^remote_username .*", "remote_username edge"),
        (r"(?m)^remote_password .*", "remote_password of the edge"),
    ):
        documented, count = re.subn(pattern, value, found[1])
        assert count == 1, pattern
        found = re.search(r"(?s)(.*)", documented)
        assert found
    near = Mqtt(host="127.0.0.1", port=port, client_id="behind-the-bridge")
    bridge = _mosquitto(
        tmp_path,
        "near",
        f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence true\n"
        f"persistence_location {tmp_path}/\n{found[1]}",
    )
    bridge.start()
    wait_for_answer(lambda: broker_answers(near))
    listener = Listener(near, ["servicelocation/+/realtime"])
    publisher = Publisher(far, "far-meter")
    got: list[bytes] = []

    def turn() -> None:
        publisher.turn(0.02)
        for message in listener.messages(0.02):
            got.append(message.payload)
            listener.acknowledge(message)

    def heard(payload: bytes) -> bool:
        if payload == b"first":
            publisher.publish("servicelocation/x/realtime", b"first")
        turn()
        return payload in got

    wait_until(lambda: heard(b"first"))
    bridge.terminate()
    bridge.wait_or_kill(5)
    for n in range(30):
        publisher.publish("servicelocation/x/realtime", str(n).encode())

    def confirmed() -> bool:
        publisher.turn(0.02)
        return publisher.unconfirmed == 0

    wait_until(confirmed)
    bridge.start()
    wait_until(lambda: heard(b"29"))
    assert [payload for payload in got if payload != b"first"] == [str(n).encode() for n in range(30)]
    for connection in (listener, publisher):
        connection.close()
    bridge.terminate()
    bridge.wait_or_kill(5)
