# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""bundle_lock as Ansible runs it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.sources import apt_proof
from ansible_collections.fieldops.mattermost.tests.unit.upstream import Side

Run = Callable[..., Dict[str, Any]]


@pytest.fixture
def given(side: Side) -> Dict[str, Any]:
    """A BOM that names its sources, as the machine of the tests is not the one of the story."""
    side.upstream.add("app", Depends="lib", Conflicts="other")
    side.upstream.add("lib")
    side.upstream.add("other")
    side.upstream.publish()
    key = side.top / "key.asc"
    key.write_bytes(side.keys["archive"].public_key())
    source = {"uri": f"{side.web.url}/debian", "suites": ["bookworm"], "components": ["main"], "signed_by": str(key)}
    bom = {"name": "site", "apt": [side.apt("app", "other", sources=[source])], "files": [side.file("x", b"data")]}
    return {"bom": bom, "path": side.lock_path, "store": side.store}


def test_a_new_lock(given: Dict[str, Any], run_module: Run) -> None:
    result = run_module("bundle_lock", **given)
    assert result["changed"] is True
    assert (result["name"], result["counts"]) == ("site", {"apt": 3, "file": 1})
    assert result["bytes"] > result["bytes_missing"] > 0
    assert result["changes"][0]["text"] == "added app (debian-12) 1.0, 8.0 kB"
    assert result["warnings_of_sources"] == ["app and other cannot be installed on the same host."]
    assert result["warnings"]
    assert result["diff"]["before"] == ""
    assert "debian-12 lib 1.0 8000\n" in result["diff"]["after"]
    assert Path(given["path"]).exists()
    again = run_module("bundle_lock", **given)
    assert (again["changed"], again["changes"], again["version"]) == (False, [], result["version"])
    assert again["diff"]["before"] == again["diff"]["after"]


def test_check_mode(given: Dict[str, Any], run_module: Run) -> None:
    result = run_module("bundle_lock", check=True, **given)
    assert result["changed"] is True
    assert result["bytes_missing"] == result["bytes"]
    assert not Path(given["path"]).exists() and not Path(given["store"]).exists()


def test_several_boms(given: Dict[str, Any], run_module: Run, side: Side) -> None:
    more = {"name": "more", "files": [side.file("y", b"data")]}
    assert run_module("bundle_lock", **{**given, "bom": [given["bom"], more]})["counts"] == {"apt": 3, "file": 2}


def test_why_and_what_is_withheld(given: Dict[str, Any], run_module: Run) -> None:
    given["bom"]["policy"] = {"must_not_contain": ["other"], "on_violation": "withhold"}
    result = run_module("bundle_lock", explain=["lib", "nothing"], prove="never", **given)
    assert [row["text"] for row in result["explained"]] == ["app -> lib (debian-12)", "nothing is not in the lock"]
    assert result["withheld"] == [
        {
            "kind": "apt",
            "name": "other",
            "group": "debian-12",
            "version": "1.0",
            "reason": "policy.must_not_contain: other",
            "because_of": "",
            "text": "apt other (debian-12) is withheld: policy.must_not_contain: other",
        }
    ]
    assert result["warnings_of_sources"] == ["apt other (debian-12) is withheld: policy.must_not_contain: other"]
    assert result["proved"] == []
    assert "withheld apt other 1.0: policy.must_not_contain: other\n" in result["diff"]["after"]
    again = run_module("bundle_lock", **given)
    assert again["warnings_of_sources"] == result["warnings_of_sources"]
    assert "explained" not in again


def test_what_apt_said(given: Dict[str, Any], run_module: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apt_proof.Proof, "run", lambda self: f"{self.item.name}: as asked")
    assert run_module("bundle_lock", **given)["proved"] == ["debian-12: as asked"]
    assert run_module("bundle_lock", **given)["proved"] == []
    monkeypatch.setattr(apt_proof.Proof, "run", lambda self: None)
    given["bom"]["description"] = "news"
    assert "prove: always" in run_module("bundle_lock", prove="always", **given)["msg"]


def test_mistakes_and_failures_are_messages(given: Dict[str, Any], run_module: Run) -> None:
    given["bom"]["apt"][0]["packages"].append("Foo bar")
    assert run_module("bundle_lock", **given)["msg"] == (
        "The bill of materials is not usable.\napt[0].packages[2]: 'Foo bar' is not a Debian package name."
    )
    given["bom"]["apt"][0]["packages"][2] = "nope"
    result = run_module("bundle_lock", **given)
    assert result["failed"] is True
    assert result["msg"] == "apt repository debian-12: No suite has a package named nope for amd64."
    given["path"] = "/proc/nowhere/lock.json"
    del given["bom"]["apt"][0]["packages"][2]
    assert run_module("bundle_lock", **given)["msg"].startswith("/proc/nowhere")
