# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""bundle_info as Ansible runs it."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any, Callable, Dict

import pytest
from ansible_collections.fieldops.mattermost.tests.unit.upstream import Side
from ansible_collections.fieldops.mattermost.tests.unit.volumes_side import Volumes

Run = Callable[..., Dict[str, Any]]


@pytest.fixture
def given(side: Side) -> Dict[str, Any]:
    side.upstream.add("app")
    side.bom["files"] = [side.file("x", b"data")]
    side.bundle("app")
    return {"path": str(side.volume), "keyring": f"{side.output}/bundle-key.asc"}


@pytest.mark.parametrize("check", [False, True])
def test_what_it_holds(given: Dict[str, Any], run_module: Run, side: Side, check: bool) -> None:
    before = sorted(side.top.rglob("*"))
    result = run_module("bundle_info", check=check, contents=True, **given)
    assert result["changed"] is False
    assert result["bundle"]["name"] == "site"
    assert result["signers"] == [side.keys["bundle"].fingerprint]
    assert (result["age_days"], result["expired"], result["missing_volumes"]) == (0, False, [])
    assert result["repositories"] == [
        {"name": "debian-12", "release": "bookworm", "architecture": "amd64", "packages": 1}
    ]
    assert [item["name"] for item in result["contents"]] == ["app", "x"]
    assert (result["objects_elsewhere"], result["bundle"]["base"]) == (0, "")
    assert result["root"] == hashlib.sha256((side.volume / "root.json").read_bytes()).hexdigest()
    assert json.loads(Path(result["sbom"]).read_bytes())["bomFormat"] == "CycloneDX"
    assert not {"contents", "changes"} & set(run_module("bundle_info", **given))
    assert sorted(side.top.rglob("*")) == before


def test_the_key_may_be_given_itself(given: Dict[str, Any], run_module: Run, side: Side) -> None:
    given["keyring"] = side.keys["bundle"].public_key().decode()
    assert run_module("bundle_info", **given, verify="quick")["changed"] is False


def test_an_expired_one(given: Dict[str, Any], run_module: Run, monkeypatch: pytest.MonkeyPatch, side: Side) -> None:
    monkeypatch.setattr("time.time", lambda: side.now + 100 * 86400)
    assert "expired on" in run_module("bundle_info", **given)["msg"]
    result = run_module("bundle_info", **given, allow_expired=True)
    assert (result["expired"], result["age_days"]) == (True, 100)


def test_it_fails_closed_and_names_the_piece(given: Dict[str, Any], run_module: Run, side: Side) -> None:
    victim = next((side.volume / "objects").rglob("*/*/*"))
    victim.unlink()
    result = run_module("bundle_info", **given)
    assert result["failed"] is True
    assert f"missing: objects/sha256/{victim.name[:2]}/{victim.name}" in result["msg"]
    assert "contents" not in result
    given["keyring"] = side.keys["stranger"].public_key().decode()
    assert "No public key" in run_module("bundle_info", **given)["msg"]


def test_some_of_the_volumes(given: Dict[str, Any], run_module: Run, side: Side) -> None:
    made = Volumes(side)
    made.make(later=60)
    given["path"] = [str(made.path / name) for name in made.names()[1:]]
    result = run_module("bundle_info", **given)
    assert result["missing_volumes"] == ["volume-001"]
    assert result["objects_elsewhere"] > 0
    assert result["volumes"] == given["path"]
    given["path"] = [str(made.path)]
    assert run_module("bundle_info", **given)["objects_elsewhere"] == 0


def test_what_would_enter_the_enclave(given: Dict[str, Any], run_module: Run, side: Side) -> None:
    shutil.copy(side.volume / "lock.json", side.top / "before.json")
    side.upstream.add("app", "2", suite="bookworm-security")
    side.bundle("app", now=side.now + 60)
    changes = run_module("bundle_info", **given, compare_with=str(side.top / "before.json"))["changes"]
    assert [(row["change"], row["name"], row["before"], row["after"], row["security"]) for row in changes] == [
        ("changed", "app", "1.0", "2", True)
    ]
    assert "No such file" in run_module("bundle_info", **given, compare_with="/nowhere")["msg"]
