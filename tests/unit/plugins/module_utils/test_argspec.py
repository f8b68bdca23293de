# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
import yaml
from ansible_collections.fieldops.mattermost.plugins.doc_fragments.connection import ModuleDocFragment
from ansible_collections.fieldops.mattermost.plugins.module_utils._argspec import ArgumentSpec, connection_spec


def test_merge_keeps_both():
    one = ArgumentSpec({"a": {}}, [("a", "b")], [("a", "b")], [("a", "b")], [("a", 1, ["b"])], {"a": ("b",)})
    other = ArgumentSpec({"c": {}}, [("c", "d")], [("c", "d")], [("c", "d")], [("c", 1, ["d"])], {"c": ("d",)})
    merged = one.merge(other)
    assert list(merged.options) == ["a", "c"]
    assert merged.mutually_exclusive == merged.required_together == merged.required_one_of == [("a", "b"), ("c", "d")]
    assert merged.required_if == [("a", 1, ["b"]), ("c", 1, ["d"])]
    assert merged.required_by == {"a": ("b",), "c": ("d",)}


def test_the_documentation_says_the_same():
    documented = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]
    options = connection_spec().options
    assert documented.keys() == options.keys()
    for name, option in options.items():
        assert documented[name]["type"] == option["type"]
        assert documented[name].get("default") == option.get("default")
        described = " ".join(documented[name]["description"])
        assert ("fallback" in option) == ("E(" in described)
        assert f"E({option['fallback'][1][0]})" in described if "fallback" in option else True


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "one of the following is required: url, socket_path"),
        ({"url": "https://h", "socket_path": "/s"}, "mutually exclusive: url|socket_path"),
        (
            {"url": "https://h", "token": "12345", "login_username": "ann", "login_password": "67890"},
            "token|login_username",
        ),
        ({"url": "https://h", "login_username": "a"}, "required together: login_username, login_password"),
        ({"url": "https://h", "mfa_code": "1"}, "missing parameter(s) required by 'mfa_code': login_username"),
    ],
)
def test_wrong_connections(run_module, arguments, message):
    assert message in run_module("server_info", **arguments)["msg"]


def test_environment(run_module, monkeypatch, tmp_path):
    monkeypatch.setenv("MATTERMOST_SOCKET_PATH", str(tmp_path / "none"))
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    assert "nobody answers at the socket" in run_module("server_info")["msg"]
