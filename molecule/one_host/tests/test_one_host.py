# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Everything on one host, from outside."""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
import sys
from pathlib import Path

import pytest
import testinfra

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "shared"))

import sites

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
    table, network = "fieldops_one_host", "fieldops-one-host-isolated"
    assert ADDRESS not in sites.strays(table)
    assert sites.canary_is_counted(table, network, address="10.91.63.99", router="10.91.63.1")
