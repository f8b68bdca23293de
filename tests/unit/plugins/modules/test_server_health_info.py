# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import os

import pytest

WELL = {"status": "OK", "database_status": "OK", "filestore_status": "OK"}


@pytest.fixture
def systemd(tmp_path, monkeypatch):
    """systemctl and journalctl that say what the test wants."""

    def say(state: str, *, load: str = "loaded", restarts: int = 0, result: str = "success") -> None:
        answer = f"LoadState={load}\nActiveState={state}\nNRestarts={restarts}\nResult={result}\n"
        for name, text in (("systemctl", answer), ("journalctl", "cannot reach the database with s3cret-password\n")):
            program = tmp_path / name
            program.write_text(f"#!/bin/sh\ncat <<'END'\n{text}END\n")
            program.chmod(0o755)

    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return say


def test_a_server_that_is_well(run_module, fake, systemd):
    systemd("active")
    fake.routes[("GET", "/system/ping")] = WELL
    result = run_module("server_health_info", socket_path=fake.socket_path)
    assert result["healthy"] is True
    assert result["changed"] is False
    assert (result["reason"], result["log"]) == ("", [])


def test_a_server_that_came_up_after_restarts_is_well(run_module, fake, systemd):
    systemd("active", restarts=5)
    fake.routes[("GET", "/system/ping")] = WELL
    assert run_module("server_health_info", socket_path=fake.socket_path)["healthy"] is True


def test_a_unit_that_does_not_stay_up_ends_the_waiting(run_module, fake, systemd, monkeypatch):
    counts = iter([0, 1, 2])
    systemd("activating", result="exit-code")
    monkeypatch.setattr("time.sleep", lambda _pause: systemd("activating", restarts=next(counts), result="exit-code"))
    result = run_module("server_health_info", socket_path=fake.socket_path)
    assert result["failed"]
    assert "does not stay up (exit-code, restarted 2 times)" in result["msg"]
    assert "cannot reach the database" in result["msg"]


def test_restarts_of_an_earlier_start_do_not_count(run_module, fake, systemd, monkeypatch):
    fake.routes[("GET", "/system/ping")] = WELL
    systemd("inactive", restarts=7)
    monkeypatch.setattr("time.sleep", lambda _pause: systemd("active"))
    assert run_module("server_health_info", socket_path=fake.socket_path)["healthy"] is True


def test_a_unit_that_systemd_gave_up_ends_the_waiting(run_module, fake, systemd, monkeypatch):
    monkeypatch.setattr("ansible_collections.fieldops.mattermost.plugins.modules.server_health_info.GRACE", 0.0)
    systemd("failed", result="start-limit-hit")
    assert "does not stay up (start-limit-hit" in run_module("server_health_info", socket_path=fake.socket_path)["msg"]


def test_secrets_in_the_log_are_masked(run_module, fake, systemd):
    systemd("activating", result="exit-code")
    result = run_module("server_health_info", socket_path=fake.socket_path, timeout=0, conceal=["s3cret-password"])
    assert "s3cret-password" not in str(result)


def test_an_unknown_unit_is_said(run_module, fake, systemd):
    systemd("inactive", load="not-found")
    result = run_module("server_health_info", socket_path=fake.socket_path)
    assert "systemd knows no such unit (not-found)" in result["msg"]


def test_a_start_that_takes_too_long(run_module, fake, systemd):
    systemd("activating")
    result = run_module("server_health_info", socket_path=fake.socket_path, timeout=0)
    assert "the unit is activating" in result["msg"]


@pytest.mark.parametrize("part", ["database_status", "filestore_status"])
def test_a_part_that_is_not_well(run_module, fake, systemd, part):
    systemd("active")
    fake.routes[("GET", "/system/ping")] = {**WELL, "status": "UNHEALTHY", part: "UNHEALTHY"}
    result = run_module("server_health_info", socket_path=fake.socket_path, timeout=0, required=False)
    assert result["healthy"] is False
    assert "failed" not in result
    assert f"{part.replace('_', ' ')} UNHEALTHY" in result["reason"]


def test_a_socket_that_is_not_there(run_module, systemd, tmp_path, pauses):
    systemd("active")
    result = run_module("server_health_info", socket_path=str(tmp_path / "none"), timeout=0, required=False)
    assert result["healthy"] is False
    assert "none" in result["reason"]
