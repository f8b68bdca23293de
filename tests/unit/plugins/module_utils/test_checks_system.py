# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import grp
import os
import pwd
from typing import Any

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils import _checks_system
from ansible_collections.fieldops.mattermost.plugins.module_utils._checks_base import (
    ERROR,
    FAIL,
    NOT_APPLICABLE,
    PASS,
    Ran,
)
from ansible_collections.fieldops.mattermost.tests.unit.plugins.module_utils.fake_host import FakeHost, verdict

ME = pwd.getpwuid(os.getuid()).pw_name
US = grp.getgrgid(os.getgid()).gr_name


@pytest.fixture
def host(tmp_path: Any) -> FakeHost:
    return FakeHost(root=str(tmp_path))


RUNS = "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\nUser=mattermost\nNoNewPrivileges=yes\n"
NONE = "LoadState=not-found\nActiveState=inactive\nUnitFileState=\n"
STOPPED = "LoadState=loaded\nActiveState=failed\nUnitFileState=disabled\nUser=root\n"


@pytest.mark.parametrize(
    ("said", "params", "expected"),
    [
        (
            RUNS,
            {"enabled": True, "properties": {"User": "mattermost"}},
            (PASS, "m.service: active, enabled, User=mattermost", "as expected"),
        ),
        (NONE, {}, (FAIL, "unit m.service", "there is no unit m.service")),
        (RUNS, {}, (PASS, "m.service: active", "as expected")),
        (
            STOPPED,
            {"enabled": True, "properties": {"User": "mattermost", "NoNewPrivileges": "yes"}},
            (
                FAIL,
                "m.service: active, enabled, User=mattermost, NoNewPrivileges=yes",
                "ActiveState=failed, UnitFileState=disabled, User=root, NoNewPrivileges=",
            ),
        ),
        (STOPPED, {"active": False, "enabled": False}, (PASS, "m.service: not active, not enabled", "as expected")),
    ],
)
def test_systemd(host: FakeHost, said: str, params: Any, expected: Any) -> None:
    host.programs["systemctl show m.service"] = said
    found = verdict(host, "systemd", unit="m.service", **params)
    assert (found.verdict, found.expected, found.found) == expected


def test_systemd_without_systemd(host: FakeHost) -> None:
    host.programs["systemctl"] = Ran(1, "", "System has not been booted with systemd\n")
    found = verdict(host, "systemd", unit="m.service")
    assert (found.verdict, found.found) == (ERROR, "systemctl failed (1): System has not been booted with systemd")


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, (PASS, "/f: present", f"mode 0640, owner {ME}, group {US}")),
        (
            {"mode": "0640", "owner": ME, "group": US},
            (PASS, f"/f: mode 0640 or less, owner {ME}, group {US}", f"mode 0640, owner {ME}, group {US}"),
        ),
        ({"mode": "0600"}, (FAIL, "/f: mode 0600 or less", "mode 0640")),
        ({"owner": "nobody-else"}, (FAIL, "/f: owner nobody-else", f"owner {ME}")),
        ({"state": "absent"}, (FAIL, "/f: absent", "it is there")),
        ({"contains": "^ssl = on"}, (PASS, "/f: contains ^ssl = on", f"mode 0640, owner {ME}, group {US}")),
        ({"contains": "^ssl = off"}, (FAIL, "/f: contains ^ssl = off", "what has to stand in it is not there")),
        ({"lacks": "trust"}, (FAIL, "/f: lacks trust", "line 3 must not be there")),
        ({"lacks": "none"}, (PASS, "/f: lacks none", f"mode 0640, owner {ME}, group {US}")),
    ],
)
def test_file(host: FakeHost, params: Any, expected: Any) -> None:
    host.put("/f", "first\nssl = on\nlocal trust s3cret\n", 0o640)
    found = verdict(host, "file", path="/f", **params)
    assert (found.verdict, found.expected, found.found) == expected
    assert "s3cret" not in str(found)


def test_a_file_that_is_not_there(host: FakeHost) -> None:
    assert verdict(host, "file", path="/f").verdict == FAIL
    assert verdict(host, "file", path="/f", state="absent").verdict == PASS
    assert verdict(host, "file", path="/f", optional="yes").verdict == NOT_APPLICABLE


def test_a_file_that_cannot_be_looked_at(host: FakeHost) -> None:
    host.put("/f", "")
    found = verdict(host, "file", path="/f/g")
    assert (found.verdict, found.found) == (ERROR, "Cannot look at /f/g: Not a directory.")


def test_an_owner_without_a_name(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(number: int) -> Any:
        raise KeyError(number)

    host.put("/f", "", 0o600)
    monkeypatch.setattr(_checks_system.pwd, "getpwuid", unknown)
    assert f"owner {os.getuid()}" in verdict(host, "file", path="/f").found


KEY = "-----BEGIN RSA PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    ("text", "mode", "good"),
    [
        (KEY, 0o644, False),
        (KEY, 0o640, True),
        ("-----BEGIN PRIVATE KEY-----", 0o604, False),
        ("-----BEGIN CERTIFICATE-----", 0o644, True),
        ("DataSource=postgres://mmuser:s3cret@db/mm", 0o644, False),
        ('{"DataSource": "postgres://mmuser:********@db/mm"}', 0o644, True),
        ('{"SMTPPassword": "s3cret"}', 0o644, False),
        ('{"SMTPPassword": ""}', 0o644, True),
        ("see https://example.com/a:b@c", 0o644, True),
    ],
)
def test_secrets(host: FakeHost, text: str, mode: int, good: bool) -> None:
    host.put("/etc/mattermost/sub/a", text, mode)
    found = verdict(host, "secrets", paths=["/etc/mattermost", "/etc/none"])
    assert found.verdict == (PASS if good else FAIL)
    assert good or found.found == f"/etc/mattermost/sub/a ({mode:04o})"
    assert "s3cret" not in str(found)


def test_secrets_in_files_that_patterns_name(host: FakeHost, tmp_path: Any) -> None:
    host.put("/etc/one.conf", KEY)
    host.put("/etc/two.conf", "nothing")
    os.symlink("one.conf", tmp_path / "etc/three.conf")
    found = verdict(host, "secrets", paths=["/etc/*.conf"])
    assert (found.verdict, found.found) == (FAIL, "/etc/one.conf (0644)")
    assert found.evidence == ("2 files that everyone may read, in /etc/*.conf",)


def test_a_file_that_goes_while_secrets_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_checks_system, "_files", lambda host, paths: iter(["/no/such/file"]))
    assert verdict(FakeHost(), "secrets", paths=["/no"]).verdict == PASS


def test_secrets_on_the_real_root(tmp_path: Any) -> None:
    (tmp_path / "key").write_text(KEY)
    (tmp_path / "key").chmod(0o644)
    assert verdict(FakeHost(), "secrets", paths=[str(tmp_path)]).found == f"{tmp_path}/key (0644)"


@pytest.mark.parametrize(
    ("container", "said", "expected"),
    [
        (1, "yes\n", (PASS, "it is")),
        (1, "no\n", (FAIL, "it is not")),
        (0, "no\n", (NOT_APPLICABLE, "A container has the clock of its host.")),
        (1, Ran(1, "", "Failed to connect to bus"), (ERROR, "timedatectl failed (1): Failed to connect to bus")),
    ],
)
def test_time_sync(host: FakeHost, container: int, said: Any, expected: Any) -> None:
    host.programs = {"systemd-detect-virt": Ran(container, "", ""), "timedatectl": said}
    found = verdict(host, "time_sync")
    assert (found.verdict, found.found) == expected


SETTINGS = "server_version_num|150007\nssl|on\npassword_encryption|scram-sha-256\n"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (SETTINGS, (PASS, "PostgreSQL 15, password_encryption scram-sha-256, ssl on")),
        (SETTINGS.replace("150007", "130012"), (FAIL, "PostgreSQL 13")),
        (SETTINGS.replace("ssl|on", "ssl|off"), (FAIL, "ssl off")),
        ("server_version_num|150007\n", (FAIL, "password_encryption unknown, ssl unknown")),
        ("", (ERROR, "psql did not tell the server's version.")),
        (Ran(2, "", "no server"), (ERROR, "psql failed (2): no server")),
    ],
)
def test_postgresql(host: FakeHost, monkeypatch: pytest.MonkeyPatch, said: Any, expected: Any) -> None:
    monkeypatch.setattr(_checks_system.os, "geteuid", lambda: 1000)
    host.programs["psql"] = said
    found = verdict(host, "postgresql", settings={"password_encryption": "scram-sha-256", "ssl": "on"})
    assert (found.verdict, found.found) == expected
    assert host.ran[0].startswith("psql --no-psqlrc")


def test_postgresql_is_asked_as_its_administrator(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_checks_system.os, "geteuid", lambda: 0)
    host.programs["psql"] = SETTINGS
    assert verdict(host, "postgresql", port="5433").verdict == PASS
    assert host.ran[0].startswith("runuser -u postgres -- psql")
    assert "--port 5433" in host.ran[0]


LOCAL = "5|local|peer||\n6|host|scram-sha-256|127.0.0.1|255.255.255.255\n"


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (LOCAL, (PASS, "2 rules, as expected")),
        (LOCAL + "7|host|trust|127.0.0.1|255.255.255.255\n", (FAIL, "line 7 takes trust")),
        (LOCAL + "7|hostssl|md5|10.0.0.1|255.255.255.255\n", (FAIL, "line 7 takes md5")),
        (LOCAL + "7|hostssl|scram-sha-256|0.0.0.0|0.0.0.0\n", (FAIL, "line 7 takes connections from everywhere")),
        (LOCAL + "7|hostssl|scram-sha-256|all|\n", (FAIL, "line 7 takes connections from everywhere")),
        (LOCAL + "7|host|reject|all|\n", (PASS, "3 rules, as expected")),
        (LOCAL + "7|local|trust||\n", (FAIL, "line 7 takes trust")),
        ("strange|answer\n", (ERROR, "psql did not tell the rules of pg_hba.conf.")),
    ],
)
def test_postgresql_access(host: FakeHost, rules: str, expected: Any) -> None:
    host.programs["psql"] = rules
    found = verdict(host, "postgresql_access")
    assert (found.verdict, found.found) == expected


NGINX = "server {\n    ssl_stapling on;\n    listen 443 ssl;\n}\n"


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"lacks": [r"^\s*ssl_stapling\s+on\s*;"]}, (FAIL, "ssl_stapling on;")),
        ({"lacks": [r"^\s*ssl_verify"], "contains": ["listen 443 ssl"]}, (PASS, "as expected")),
        ({"contains": ["http2 on"]}, (FAIL, "no line http2 on")),
    ],
)
def test_nginx(host: FakeHost, params: Any, expected: Any) -> None:
    host.programs["nginx -T"] = NGINX
    found = verdict(host, "nginx", **params)
    assert (found.verdict, found.found) == expected


def test_nginx_that_does_not_accept_its_configuration(host: FakeHost) -> None:
    host.programs["nginx -T"] = Ran(1, "", "unknown directive\n")
    assert verdict(host, "nginx").found == "nginx does not accept its configuration: unknown directive "
    host.programs.clear()
    assert verdict(host, "nginx").found == "nginx is not installed."
