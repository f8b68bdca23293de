# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Everything on one host, from outside."""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
import subprocess
from pathlib import Path

import pytest
import testinfra

WORK = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])
ADDRESS = "10.91.63.11"


@pytest.fixture(scope="module")
def chat():
    return testinfra.get_host("podman://one-host-chat")


def https() -> http.client.HTTPSConnection:
    connection = http.client.HTTPSConnection(
        "chat.example.mil", timeout=30, context=ssl.create_default_context(cafile=str(WORK / "site-ca/ca.pem"))
    )
    connection._create_connection = lambda _address, *rest: socket.create_connection((ADDRESS, 443), *rest)
    return connection


def test_the_site_answers_and_somebody_logs_in():
    connection = https()
    connection.request("GET", "/api/v4/system/ping?get_server_status=true")
    assert json.loads(connection.getresponse().read())["database_status"] == "OK"
    connection = https()
    body = json.dumps({"login_id": "operator", "password": "rehearsal-Operator-2026"})
    connection.request("POST", "/api/v4/users/login", body, {"Content-Type": "application/json"})
    assert connection.getresponse().status == 200


def test_the_plugin_that_was_carried_runs(chat):
    script = (
        "import http.client,socket,sys\n"
        "c=http.client.HTTPConnection('localhost');c.sock=socket.socket(socket.AF_UNIX);c.sock.connect('/run/mattermost/local.socket')\n"
        "c.request('GET','/api/v4/plugins');sys.stdout.write(c.getresponse().read().decode())"
    )
    active = json.loads(chat.check_output("python3 -c %s", script))["active"]
    assert "mil.example.rehearsal" in [plugin["id"] for plugin in active]


def test_services_run(chat):
    for name in ("nginx", "postgresql", "mattermost"):
        assert chat.service(name).is_running, chat.check_output("journalctl -u %s -n 30", name)
        assert chat.service(name).is_enabled


def test_the_server_listens_on_loopback_behind_its_proxy(chat):
    assert chat.socket("tcp://127.0.0.1:8065").is_listening
    with pytest.raises(OSError):
        socket.create_connection((ADDRESS, 8065), 1)


def test_nothing_called_out():
    listed = subprocess.run(
        ["nft", "--json", "list", "set", "inet", "fieldops_one_host", "strays"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ADDRESS not in listed.stdout
