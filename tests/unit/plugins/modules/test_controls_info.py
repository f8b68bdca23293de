# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any, Callable

from ansible_collections.fieldops.mattermost.tests.unit.fake_server import FakeServer

COMMON = {"title": "t", "reference": "page: x", "severity": "high", "remedy": "r"}


def controls(**check: Any) -> Any:
    return [
        {**COMMON, "id": "X-01", "component": "mattermost_server", "check": check},
        {**COMMON, "id": "X-02", "component": "mattermost_depot", "check": {"kind": "time_sync"}},
    ]


def test_checks_the_controls_of_this_host(run_module: Callable[..., Any], fake: FakeServer) -> None:
    fake.routes["GET", "/config"] = {"ServiceSettings": {"EnableLinkPreviews": True}}
    fake.routes["GET", "/config/client"] = {"Version": "11.6.0"}
    wanted = controls(kind="setting", key="ServiceSettings.EnableLinkPreviews", value=False)
    for check in (False, True):
        result = run_module(
            "controls_info",
            check=check,
            controls=wanted,
            components=["mattermost_server"],
            socket_path=fake.socket_path,
        )
        assert result["changed"] is False
        assert [(one["id"], one["verdict"], one["found"]) for one in result["controls"]] == [("X-01", "fail", "true")]
        assert result["counts"] == {"fail": 1, "error": 0, "pass": 0, "not_applicable": 0}
    assert fake.writes == []


def test_a_server_that_is_down_fails_no_module(run_module: Callable[..., Any], tmp_path: Any, pauses: Any) -> None:
    wanted = controls(kind="setting", key="A.B", value=False)
    result = run_module(
        "controls_info", controls=wanted, components=["mattermost_server"], socket_path=str(tmp_path / "s")
    )
    assert result["counts"]["error"] == 1


def test_a_control_that_is_wrong_fails_the_module(run_module: Callable[..., Any]) -> None:
    result = run_module("controls_info", controls=controls(kind="setting", key="A.B"))
    assert result["failed"]
    assert result["msg"] == "controls[0] (X-01).check.value is missing."
