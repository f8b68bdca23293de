# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import socket
from typing import Any

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils import _checks_base as base
from ansible_collections.fieldops.mattermost.plugins.module_utils._checks_base import CannotCheck, Host
from ansible_collections.fieldops.mattermost.plugins.module_utils._errors import MattermostError
from ansible_collections.fieldops.mattermost.tests.unit.fake_server import FakeServer, error


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("postgres://mmuser:s3cret@db/mm", "postgres://mmuser:********@db/mm"),
        ("https://host/path", "https://host/path"),
        ("two\nlines\x1b[31m", "two lines [31m"),
        ("x" * 401, "x" * 400 + " ..."),
    ],
)
def test_shown_text_has_no_password_and_no_control_characters(given: str, shown: str) -> None:
    assert base.scrub(given) == shown


def test_values_are_shown_as_json_and_nothing_as_a_word() -> None:
    assert (base.show(False), base.show("a"), base.show("")) == ("false", '"a"', "empty")


def test_some_of_many() -> None:
    assert base.some(list("abc"), 2) == "a, b and 1 more"
    assert base.some(["a"]) == "a"


def test_versions_compare_by_number() -> None:
    assert base.number("9.11.0") < base.number("10.2") < base.number("11.6.0+standin.9")


def test_reads_the_end_of_a_file(tmp_path: Any) -> None:
    (tmp_path / "log").write_text("0123456789")
    host = Host(root=str(tmp_path))
    assert host.read("/log", limit=4) == "6789"
    assert host.read("/log") == "0123456789"
    with pytest.raises(CannotCheck, match="Cannot read /none: No such file"):
        host.read("/none")


def test_files_of_the_real_root_are_where_they_are() -> None:
    assert Host().path("/etc/apt") == "/etc/apt"
    assert Host().now() > 1_700_000_000


def test_runs_programs() -> None:
    host = Host()
    assert host.answer("echo", "hello") == "hello\n"
    assert host.run("sh", "-c", "echo no >&2; exit 3") == base.Ran(3, "", "no\n")
    with pytest.raises(CannotCheck, match=r"false failed \(1\): it said nothing"):
        host.answer("false")
    with pytest.raises(CannotCheck, match="no-such-program is not installed"):
        host.run("no-such-program")
    with pytest.raises(CannotCheck, match="Cannot run /"):
        host.run("/")


def test_a_program_that_hangs_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*argv: Any, **more: Any) -> None:
        raise base.subprocess.TimeoutExpired("nft", 30)

    monkeypatch.setattr(base.subprocess, "run", hang)
    with pytest.raises(CannotCheck, match="timed out"):
        Host().run("nft")


def test_the_server_is_asked_once(fake: FakeServer) -> None:
    fake.routes["GET", "/config"] = {"A": {"B": 1}}
    fake.routes["GET", "/config/client"] = {"Version": "11.6.0"}
    fake.routes["GET", "/plugins"] = {"active": [{"id": "one"}], "inactive": [{"id": "two"}]}
    host = Host(socket_path=fake.socket_path)
    for _again in range(2):
        assert host.config == {"A": {"B": 1}}
        assert host.version == "11.6.0"
        assert host.plugins == ["one", "two"]
    assert len(fake.requests) == 3


def test_a_server_that_does_not_answer_is_asked_once(tmp_path: Any, pauses: Any) -> None:
    host = Host(socket_path=str(tmp_path / "none"))
    for _again in range(2):
        with pytest.raises(MattermostError, match="nobody answers"):
            _config = host.config
    assert len(pauses) == 1


def test_plugins_switched_off_are_none(fake: FakeServer) -> None:
    fake.routes["GET", "/plugins"] = error(501, "app.plugin.disabled.app_error")
    assert Host(socket_path=fake.socket_path).plugins == []
    fake.routes["GET", "/plugins"] = error(403, "api.context.permissions.app_error")
    with pytest.raises(MattermostError):
        _plugins = Host(socket_path=fake.socket_path).plugins


def test_nothing_of_the_session_reaches_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    assert "LC_ALL=C" in Host().answer("env")
    assert socket.gethostname() and os.environ["LC_ALL"] == "de_DE.UTF-8"
