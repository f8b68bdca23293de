# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""bundle as Ansible runs it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Callable, Dict, Iterator

import pytest
from ansible_collections.fieldops.mattermost.tests.unit.upstream import Side
from ansible_collections.fieldops.mattermost.tests.unit.volumes_side import Volumes

Run = Callable[..., Dict[str, Any]]


@pytest.fixture
def given(side: Side) -> Dict[str, Any]:
    side.upstream.add("app")
    side.upstream.publish()
    side.lock()
    home = side.keys["bundle"].home
    return {"lock": side.lock_path, "store": side.store, "output": side.output, "gnupghome": home}


@pytest.fixture
def fresh_home() -> Iterator[str]:
    top = tempfile.mkdtemp(prefix="fb-", dir="/tmp")
    yield os.path.join(top, "gnupg")
    subprocess.run(["gpgconf", "--homedir", os.path.join(top, "gnupg"), "--kill", "all"], check=False)
    shutil.rmtree(top)


def test_a_bundle(given: Dict[str, Any], run_module: Run, side: Side) -> None:
    result = run_module("bundle", **given, progress=str(side.top / "progress"))
    assert result["changed"] is True
    assert (result["name"], result["objects_fetched"], result["key_created"]) == ("site", 1, False)
    assert result["bytes"] == result["bytes_fetched"] + result["bytes_held"]
    assert result["fingerprint"] == side.keys["bundle"].fingerprint
    assert Path(result["path"], "root.json.asc").exists()
    assert Path(result["public_key"]).read_bytes() == side.keys["bundle"].public_key()
    assert (side.top / "progress").exists()
    again = run_module("bundle", **given, verify="full")
    assert (again["changed"], again["bytes_fetched"]) == (False, 0)


def test_what_a_scan_withholds(given: Dict[str, Any], run_module: Run, side: Side) -> None:
    side.bom["policy"] = {"scan": ["false", "{path}"], "on_violation": "withhold"}
    side.lock()
    result = run_module("bundle", **given)
    assert [row["text"] for row in result["withheld"]] == ["apt app (debian-12) is withheld: policy.scan: false"]
    assert result["warnings"]
    side.bom["policy"]["on_violation"] = "stop"
    side.lock()
    assert run_module("bundle", **given)["msg"] == (
        "No bundle is made.\napt app must not be carried (policy.scan: false)."
    )


def test_check_mode(given: Dict[str, Any], run_module: Run, fresh_home: str) -> None:
    given["gnupghome"] = fresh_home
    result = run_module("bundle", check=True, **given, signing_key_create="Bundle <b@example.com>")
    assert (result["changed"], result["fingerprint"], result["key_created"]) == (True, "", True)
    assert result["objects_fetched"] == 1
    assert not os.path.exists(given["output"]) and not os.path.exists(fresh_home)


def test_a_key_is_made_only_when_asked_for(given: Dict[str, Any], run_module: Run, fresh_home: str) -> None:
    given["gnupghome"] = fresh_home
    assert "no usable secret signing key in the GnuPG home" in run_module("bundle", **given)["msg"]
    result = run_module("bundle", **given, signing_key_create="Bundle <b@example.com>")
    assert (result["changed"], result["key_created"]) == (True, True)
    again = run_module("bundle", **given, signing_key_create="Bundle <b@example.com>")
    assert (again["changed"], again["key_created"], again["fingerprint"]) == (False, False, result["fingerprint"])


def test_failures_are_messages(given: Dict[str, Any], run_module: Run, side: Side) -> None:
    side.web.plan("/debian/pool/main/app_1.0_amd64.deb", 404)
    assert "1 of 1 objects could not be fetched" in run_module("bundle", **given)["msg"]
    assert "No such file" in run_module("bundle", **{**given, "lock": "/nowhere"})["msg"]


def test_volumes_and_a_delta(given: Dict[str, Any], run_module: Run, side: Side) -> None:
    made = Volumes(side)
    made.lock(later=60)
    first = run_module("bundle", **given, volume_size="400kB")
    assert [volume["name"] for volume in first["volumes"]] == made.names() and len(made.names()) > 3
    assert sum(volume["pieces"] for volume in first["volumes"]) > 1
    assert (first["base"], first["objects_left_out"], first["acknowledged"]) == ("", 0, False)
    (made.path / "volume-002/lock.json").unlink()
    assert run_module("bundle", **given, volume_size="400kB", volumes=["volume-001"])["changed"] is False
    assert run_module("bundle", **given, volume_size="400kB", volumes=["volume-002"])["changed"] is True

    base = {"base": str(made.list_of(made.inspect())), "base_keyring": side.keys["depot"].public_key().decode()}
    made.add("file-1", 50_000, seed="new")
    made.lock(later=120)
    delta = run_module("bundle", **given, **base)
    assert (delta["base"], delta["base_version"]) == (first["root"], first["version"])
    assert [(row["change"], row["name"]) for row in delta["changes"]] == [("changed", "file-1")]
    same = run_module("bundle", **given, ledger=True, acknowledge=first["root"])
    assert (same["changed"], same["root"]) == (True, delta["root"])  # the ledger moved, the bundle is the same
    listed = {"acknowledge": str(made.list_of(made.inspect())), "base_keyring": base["base_keyring"]}
    assert run_module("bundle", **given, ledger=True, **listed)["acknowledged"] is True


def test_options_that_make_no_sense(given: Dict[str, Any], run_module: Run, side: Side) -> None:
    assert "is not a size such as" in run_module("bundle", **given, volume_size="big")["msg"]
    assert "No public key is given" in run_module("bundle", **given, base="/list")["msg"]
    assert "mutually exclusive" in run_module("bundle", **given, base="/list", base_keyring="x", ledger=True)["msg"]
    assert "No public key is given" in run_module("bundle", **given, ledger=True, acknowledge="/list")["msg"]
    assert "Cannot acknowledge '12'" in run_module("bundle", **given, ledger=True, acknowledge="12")["msg"]
