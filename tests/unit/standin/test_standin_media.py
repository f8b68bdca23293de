# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The stand-ins of rtcd, calls-offloader and the push proxy, started from what build_media.py packs."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.server
import json
import socketserver
import subprocess
import sys
import tarfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Iterator

import pytest

sys.path.append(str(Path(__file__).resolve().parents[3] / "tests" / "standin"))

from build_media import PARTS, build
from launcher import free_port

KEY, OTHER, ADMIN = "k" * 32, "o" * 32, "the administrator's secret of 32+"

pytestmark = pytest.mark.skipif(sys.version_info < (3, 11), reason="the stand-ins read TOML by the standard library")


class Running:
    """A process that serves, and how to ask it."""

    def __init__(self, program: Path, config: Path, port: int, env: dict[str, str] | None = None) -> None:
        self.port = port
        self.process = subprocess.Popen(
            [sys.executable, str(program), "--config", str(config)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=env,
        )

    def ask(self, method: str, path: str, body: Any = None, password: str = "", user: str = "") -> tuple[int, Any]:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method)
        if password:
            request.add_header("Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())
        data = None if body is None else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(request, data, timeout=10) as answer:
                text, status = answer.read(), answer.status
        except urllib.error.HTTPError as error:
            text, status = error.read(), error.code
        return status, json.loads(text) if text[:1] in (b"{", b"[") else text.decode()

    def wait(self) -> None:
        end = time.monotonic() + 15
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                self.ask("GET", "/version")
                return
            assert self.process.poll() is None, self.process.stdout and self.process.stdout.read()
            time.sleep(0.05)
        raise AssertionError("no answer in 15 s")

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(15)


def toml(folder: Path, port: int, **sections: str) -> Path:
    path = folder / "config.toml"
    path.write_text(
        f"""[api]
http.listen_address = "127.0.0.1:{port}"
security.allow_self_registration = false
security.enable_admin = true
security.admin_secret_key = "{ADMIN}"
[store]
data_source = "{folder}/db"
[logger]
enable_file = false
"""
        + "".join(f"[{name}]\n{text}\n" for name, text in sections.items())
    )
    return path


@contextlib.contextmanager
def rtcd(folder: Path) -> Iterator[Running]:
    port, media = free_port(), free_port()
    rtc = f'ice_port_udp = {media}\nice_port_tcp = {media}\nice_host_override = ""\nice_servers = []'
    running = Running(build("rtcd", "1.2.6", folder), toml(folder, port, rtc=rtc), port)
    try:
        running.wait()
        yield running
    finally:
        running.stop()


def register(running: Running, key: str, password: str = ADMIN, client: str = "mattermost") -> int:
    return running.ask("POST", "/register", {"clientID": client, "authKey": key}, password)[0]


def login(running: Running, key: str) -> int:
    return running.ask("POST", "/login", {"clientID": "mattermost", "authKey": key})[0]


def test_rtcd_says_what_it_is(tmp_path: Path) -> None:
    with rtcd(tmp_path) as running:
        status, about = running.ask("GET", "/version")
        assert (status, about["buildVersion"]) == (200, "v1.2.6")
        assert "cpu_load" in running.ask("GET", "/system")[1]
        assert running.ask("GET", "/nothing")[0] == 404
        assert running.ask("GET", "/ws")[0] == 401


def test_keys_are_registered_by_the_administrator_and_kept(tmp_path: Path) -> None:
    with rtcd(tmp_path) as running:
        assert login(running, KEY) == 400
        assert register(running, KEY, password="") == 401
        assert register(running, KEY, password="a guess") == 401
        assert register(running, "short") == 400
        assert register(running, KEY) == 201
        assert register(running, OTHER) == 400
        assert (login(running, KEY), login(running, OTHER)) == (200, 400)
    with rtcd(tmp_path) as running:
        assert login(running, KEY) == 200
        assert running.ask("POST", "/unregister", {"clientID": "other"}, KEY, "mattermost")[0] == 403
        assert running.ask("POST", "/unregister", {"clientID": "mattermost"}, ADMIN)[0] == 200
        assert running.ask("POST", "/unregister", {"clientID": "mattermost"}, ADMIN)[0] == 400
        assert login(running, KEY) == 400


def test_a_configuration_that_is_none_ends_it(tmp_path: Path) -> None:
    path = toml(tmp_path, free_port())
    done = subprocess.run(
        [sys.executable, str(build("rtcd", "1.2.6", tmp_path)), "--config", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "failed to load config: KeyError('rtc')" in done.stderr


class _Runtime(socketserver.UnixStreamServer):
    pass


class _Version(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"ApiVersion": "1.41"}')

    def address_string(self) -> str:
        return "socket"

    def log_message(self, *_arguments: Any) -> None:
        pass


def test_the_offloader_needs_a_container_runtime(tmp_path: Path) -> None:
    port = free_port()
    jobs = 'api_type = "docker"\nmax_concurrent_jobs = 2\nfailed_jobs_retention_time = "30d"\nimage_registry = "reg.example.org/mm"'
    program, config = build("calls-offloader", "0.9.5", tmp_path), toml(tmp_path, port, jobs=jobs)
    env = {"DOCKER_HOST": f"unix://{tmp_path}/docker.sock"}
    without = Running(program, config, port, env)
    assert without.process.wait(15) == 1
    with _Runtime(f"{tmp_path}/docker.sock", _Version) as runtime:
        threading.Thread(target=runtime.serve_forever, daemon=True).start()
        running = Running(program, config, port, env)
        try:
            running.wait()
            assert running.ask("GET", "/version")[1]["buildVersion"] == "v0.9.5"
            assert register(running, KEY) == 201
            wrong, right = "mattermost/calls-recorder:v0.8.13", "reg.example.org/mm/calls-recorder:v0.8.13"
            assert running.ask("POST", "/jobs", {"runner": wrong}, KEY, "mattermost")[0] == 400
            assert running.ask("POST", "/jobs", {"runner": right}, KEY, "mattermost")[0] == 500
            assert running.ask("POST", "/jobs/init", {"runner": right})[0] == 401
        finally:
            running.stop()
            runtime.shutdown()


def test_the_push_proxy_judges_notifications(tmp_path: Path) -> None:
    archive = build("push-proxy", "6.5.0", tmp_path)
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path)
    (tmp_path / "apple.p8").write_text("-----BEGIN PRIVATE KEY-----\n")
    port = free_port()
    config = {
        "ListenAddress": f"127.0.0.1:{port}",
        "ThrottlePerSec": 300,
        "ApplePushSettings": [{"Type": "apple_rn", "AppleAuthKeyFile": f"{tmp_path}/apple.p8"}],
        "AndroidPushSettings": [{"Type": "android_rn", "ServiceFileLocation": f"{tmp_path}/missing.json"}],
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    program = tmp_path / "mattermost-push-proxy/bin/mattermost-push-proxy"
    running = Running(program, tmp_path / "config.json", port)
    try:
        running.wait()
        assert running.ask("GET", "/version") == (200, {"hash": "stand-in", "version": "6.5.0"})

        def send(**message: str) -> Any:
            return running.ask("POST", "/api/v1/send_push", message)[1]

        assert send(platform="apple_rn-v2", server_id="s", device_id="d") == {"status": "OK"}
        assert "missing server Id" in send(platform="apple_rn")["error"]
        assert "missing platform" in send(platform="android_rn", server_id="s", device_id="d")["error"]
    finally:
        running.stop()
    assert running.process.stdout is not None
    said = running.process.stdout.read()
    assert said.count("Failed to initialize client") == 1
    assert [
        json.loads(line.partition(": ")[2]) for line in said.splitlines() if line.startswith("would send on: ")
    ] == [{"platform": "apple_rn-v2", "server_id": "s", "device_id": "d"}]


@pytest.mark.parametrize("component", sorted(PARTS))
def test_the_same_arguments_make_the_same_bytes(component: str, tmp_path: Path) -> None:
    one, other = build(component, "1.0.0", tmp_path / "a"), build(component, "1.0.0", tmp_path / "b")
    assert one.read_bytes() == other.read_bytes()
    digest = hashlib.sha256(one.read_bytes()).hexdigest()
    assert one.with_name(one.name + ".sha256").read_text() == f"{digest}  {one.name}\n"
    assert build(component, "1.0.0", tmp_path / "c", broken=True).read_bytes() != one.read_bytes()


def test_a_broken_one_ends_before_its_port_opens(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(build("rtcd", "1.2.6", tmp_path, broken=True))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "broken on purpose" in done.stderr
