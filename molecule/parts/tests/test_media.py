# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The media host: its services run confined, know the servers by their key, and go back to what ran when a release is broken."""

from __future__ import annotations

import json

import pytest
from conftest import ADDRESSES, ARTEFACTS, GIVEN, HERE, ask, played, said

MEDIA = ADDRESSES["alpha-media"]
KEY = GIVEN["mattermost_calls_auth_key"]
UNITS = ("rtcd", "calls-offloader", "mattermost-push-proxy")
PORTS = {"rtcd": 8045, "calls-offloader": 4545}


@pytest.mark.parametrize("unit", UNITS)
def test_a_service_runs_confined_and_starts_with_the_host(media, unit):
    service = media.service(unit)
    assert service.is_running, media.check_output("journalctl -u %s -n 30 --no-pager", unit)
    assert service.is_enabled
    expected = {"User": unit, "NoNewPrivileges": "yes", "ProtectSystem": "strict", "CapabilityBoundingSet": ""}
    shown = media.check_output("systemctl show %s --property=%s", unit, ",".join(expected))
    assert dict(line.split("=", 1) for line in shown.splitlines()) == expected


@pytest.mark.parametrize("service", list(PORTS))
def test_the_servers_log_in_with_their_key_and_nobody_without(service):
    where = f"{MEDIA}:{PORTS[service]}"
    login = {"clientID": "mattermost", "authKey": KEY}
    assert ask("alpha-host", where, "POST", "/login", login)[0] == 200
    assert ask("alpha-host", where, "POST", "/login", {**login, "authKey": "x" * 40})[0] == 400
    assert ask("alpha-host", where, "POST", "/register", {"clientID": "stranger", "authKey": "x" * 40})[0] == 401


def test_the_server_is_told_the_key_by_its_environment_alone():
    environment = said(
        "alpha-host", "sh", "-c", "tr '\\0' '\\n' < /proc/$(systemctl show -P MainPID mattermost)/environ"
    )
    told = dict(line.split("=", 1) for line in environment.splitlines() if line.startswith("MM_CALLS_"))
    assert told == {
        "MM_CALLS_RTCD_CLIENT_ID": "mattermost",
        "MM_CALLS_RTCD_AUTH_KEY": KEY,
        "MM_CALLS_JOB_SERVICE_CLIENT_ID": "mattermost",
        "MM_CALLS_JOB_SERVICE_AUTH_KEY": KEY,
        "MM_CALLS_JOB_SERVICE_IMAGE_REGISTRY": "mattermost",
    }


def test_nobody_but_the_recording_node_s_service_may_use_the_container_runtime(media):
    socket = media.file(GIVEN["mattermost_calls_container_socket"])
    assert (socket.user, socket.group, socket.mode) == ("root", "containers", 0o660)
    assert media.group("containers").members == []
    assert "SupplementaryGroups=containers" in media.check_output("systemctl show calls-offloader").splitlines()


def test_a_release_that_does_not_answer_is_taken_back():
    broken = ARTEFACTS["broken_rtcd"]
    given = {
        "mattermost_calls_rtcd_version": broken["version"],
        "mattermost_calls_rtcd_artifact_path": broken["source"],
        "mattermost_calls_rtcd_artifact_sha256": broken["sha256"],
    }
    status, output = played(str(HERE / "calls.yml"), "-e", json.dumps(given))
    assert status != 0
    for told in ("rtcd 1.2.7 on alpha-media did not come up", "The release 1.2.6 runs again", "broken on purpose"):
        assert told in " ".join(output.split()), output[-3000:]
    assert said("alpha-media", "readlink", "/opt/rtcd/current").strip() == "versions/1.2.6"
    assert ask("alpha-host", f"{MEDIA}:8045", "GET", "/version")[1]["buildVersion"] == "v1.2.6"
    assert ask("alpha-host", f"{MEDIA}:8045", "POST", "/login", {"clientID": "mattermost", "authKey": KEY})[0] == 200
