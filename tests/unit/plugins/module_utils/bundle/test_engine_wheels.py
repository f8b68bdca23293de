# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wheels: resolved by the real pip against an index on loopback, published, and installed by the real pip from the depot."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.access import Keychain
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.boms.wheels import Requirement, WheelsItem
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.fetch import Client
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.lock import Item, Lock
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.sources import pip as pip_source
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.sources.wheels import WheelsResolver
from ansible_collections.fieldops.mattermost.tests.unit.python_index import Index, Static
from ansible_collections.fieldops.mattermost.tests.unit.upstream import Side

LINUX = "cp39-cp39-manylinux_2_17_x86_64"


@pytest.fixture(autouse=True)
def no_pip_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """What this machine tells pip is not part of the story."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)


@pytest.fixture
def index(tmp_path: Path) -> Index:
    index = Index(tmp_path / "pypi")
    index.add("demo", "1.0", requires=["helper>=1", "old-thing; python_version < '3.10'"])
    index.add("demo", "2.0", requires=["helper>=1", "old-thing; python_version < '3.10'", "fast; extra == 'speed'"])
    index.add("helper", "1.5")
    index.add("helper", "1.4")
    index.add("old-thing", "0.1", tag=LINUX)
    index.add("fast", "1.0+local.1")
    index.add("source-only", "3.0", sdist=True)
    return index


@pytest.fixture
def pypi(index: Index) -> Iterator[Static]:
    server = Static(index.root)
    yield server
    server.stop()


@pytest.fixture
def site(side: Side, pypi: Static) -> Side:
    side.bom = {"name": "site", "wheels": [row(pypi)]}
    return side


def row(pypi: Static, *packages: str, **more: Any) -> Dict[str, Any]:
    wanted = {"name": "tools", "python": "3.9", "packages": list(packages or ["demo"])}
    return {**wanted, "index_url": f"{pypi.url}/simple", **more}


def wheels_of(side: Side) -> List[str]:
    return [f"{item.name} {item.version}" for item in Lock.read(side.lock_path).items]


def failure(side: Side, **more: Any) -> str:
    side.bom["wheels"][0].update(more)
    with pytest.raises(BundleError) as caught:
        side.lock()
    assert not Path(side.lock_path).exists()
    return str(caught.value)


def test_the_closure_is_that_of_the_target_and_not_of_this_machine(site: Side) -> None:
    """Markers and tags are those of Python 3.9 on Linux, whatever Python runs pip here."""
    assert sys.version_info >= (3, 10)
    result = site.lock()
    assert wheels_of(site) == ["demo 2.0", "helper 1.5", "old-thing 0.1"]
    told = {item.name: item for item in result.lock.items}
    assert (told["demo"].why, told["helper"].why, told["old-thing"].why) == ("", "demo", "demo")
    assert told["old-thing"].destination == f"tools/old_thing-0.1-{LINUX}.whl"
    assert told["old-thing"].architecture == "x86_64"
    site.bom["wheels"][0]["python"] = "3.11"
    site.lock()
    assert wheels_of(site) == ["demo 2.0", "helper 1.5"]


def test_nothing_new_writes_nothing_and_a_new_release_is_one_change(site: Side, index: Index) -> None:
    first = site.lock()
    before = Path(site.lock_path).read_bytes()
    second = site.lock(now=site.now + 3600)
    assert (first.changed, second.changed) == (True, False)
    assert Path(site.lock_path).read_bytes() == before
    index.add("helper", "1.6")
    third = site.lock(now=site.now + 7200)
    assert [change.told()["text"].rpartition(",")[0] for change in third.changes] == [
        "changed helper (tools) 1.5 -> 1.6"
    ]


def test_pip_is_asked_again_only_when_a_page_of_the_index_changed(
    site: Side, index: Index, pypi: Static, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: List[str] = []
    resolve = pip_source.Pip.resolve

    def counted(pip: pip_source.Pip) -> Any:
        asked.append(pip.what)
        return resolve(pip)

    monkeypatch.setattr(pip_source.Pip, "resolve", counted)
    site.lock()
    site.lock(now=site.now + 60)  # what pip looks at is known now, but not yet whether it saw what was seen here
    assert len(asked) == 2
    pypi.requests.clear()
    assert not site.lock(now=site.now + 120).changed
    assert not site.lock(now=site.now + 180, check=True).changed
    assert len(asked) == 2
    assert sorted({path for _method, path, _headers in pypi.requests}) == [
        "/simple/demo/",
        "/simple/helper/",
        "/simple/old-thing/",
    ]
    assert all("If-Modified-Since" in headers for _method, _path, headers in pypi.requests)
    index.add("helper", "1.6")
    page = index.root / "simple/helper/index.html"
    os.utime(page, (time.time() + 10, time.time() + 10))
    assert site.lock(now=site.now + 240).changed and "helper 1.6" in wheels_of(site)
    assert len(asked) == 3
    site.bom["wheels"][0]["constraints"] = ["helper<1.6"]
    assert site.lock(now=site.now + 300).changed and "helper 1.5" in wheels_of(site)
    assert len(asked) == 4


def test_where_pip_looks_elsewhere_too_it_is_asked_each_time(
    site: Side, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "pip.conf").write_text(f"[global]\nfind-links = {tmp_path}\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    for minute in range(3):
        site.lock(now=site.now + 60 * minute)
    memory = json.loads(Path(site.store, "state/upstream.json").read_text())["wheels tools"]
    assert (memory["pages"], memory["wheels"]) == ({}, [])


def test_settings_of_whoever_runs_it_do_not_count(
    site: Side, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pypi: Static
) -> None:
    """Each of these would leave something out, take something else in, or end in an error."""
    site.lock()
    found = wheels_of(site)
    Path(site.lock_path).unlink()
    (tmp_path / "home/.config/pip").mkdir(parents=True)
    (tmp_path / "home/.config/pip/pip.conf").write_text("[install]\nno-deps = true\n")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("PIP_CONFIG_FILE")
    for name in ("NO_DEPS", "REQUIRE_VIRTUALENV", "REQUIRE_HASHES", "NO_INDEX", "PRE"):
        monkeypatch.setenv(f"PIP_{name}", "1")
    monkeypatch.setenv("PIP_CONSTRAINT", "/nonexistent")
    monkeypatch.setenv("PIP_PROXY", "http://127.0.0.1:9")
    site.store = str(tmp_path / "another")
    site.lock()
    assert wheels_of(site) == found and len(found) == 3


def test_check_mode_writes_nothing(site: Side) -> None:
    result = site.lock(check=True)
    assert result.changed and len(result.lock.items) == 3
    assert not Path(site.lock_path).exists() and not Path(site.store).exists()


def test_pip_installs_from_the_depot_alone(site: Side, tmp_path: Path, pypi: Static) -> None:
    site.bom["wheels"] = [row(pypi, "demo[speed]", python="3.11")]
    site.lock()
    site.pack()
    result = site.publish()
    assert result.generation == 1
    pypi.stop()
    published = tmp_path / "depot/current"
    manifest = json.loads((published / "manifest.json").read_text())
    (told,) = manifest["wheels"]
    assert (told["name"], told["index"], told["packages"]) == ("tools", "wheels/tools/simple/", 3)
    pins = (published / "wheels/tools/requirements.txt").read_text()
    assert [line.split()[0] for line in pins.splitlines()] == ["demo==2.0", "fast==1.0+local.1", "helper==1.5"]
    depot = Static(published)
    argv = [sys.executable, "-m", "pip", "install", "--isolated", "--disable-pip-version-check", "--no-cache-dir"]
    argv += ["--index-url", f"{depot.url}/{told['index']}", "--target", str(tmp_path / "installed")]
    hashed = ["--require-hashes", "-r", str(published / "wheels/tools/requirements.txt")]
    done = subprocess.run([*argv, *hashed], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    read = [sys.executable, "-c", "import demo, fast, helper; print(demo.VERSION, fast.VERSION, helper.VERSION)"]
    there = subprocess.run(read, cwd=tmp_path / "installed", capture_output=True, text=True, check=True)
    assert there.stdout == "2.0 1.0+local.1 1.5\n"
    done = subprocess.run([*argv, "--upgrade", "demo[speed]"], capture_output=True, text=True, check=False)
    depot.stop()
    assert done.returncode == 0, done.stderr


def test_a_set_that_did_not_change_is_linked_with_its_signature(
    site: Side, index: Index, pypi: Static, tmp_path: Path
) -> None:
    site.bom["wheels"] = [row(pypi, "helper==1.4"), row(pypi, "demo", name="more")]

    def inodes() -> List[int]:
        published = tmp_path / "depot/current/wheels"
        return [(published / name / "requirements.txt.asc").stat().st_ino for name in ("tools", "more")]

    site.lock()
    site.pack()
    site.publish()
    before = inodes()
    index.add("helper", "1.7")
    site.lock(now=site.now + 60)
    site.pack()
    assert site.publish(now=site.now + 60).generation == 2
    after = inodes()
    assert (after[0] == before[0], after[1] == before[1]) == (True, False)


def test_the_index_alone_tells_a_wheel_that_was_changed(site: Side, tmp_path: Path) -> None:
    site.lock()
    site.pack()
    site.publish()
    wheel = next((tmp_path / "depot/current/wheels/tools").glob("helper-*.whl"))
    data = wheel.read_bytes()
    wheel.unlink()
    wheel.write_bytes(data + b"x")
    depot = Static(tmp_path / "depot/current")
    argv = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--isolated",
        "--no-cache-dir",
        "--no-deps",
        "-d",
        str(tmp_path / "d"),
    ]
    argv += ["--index-url", f"{depot.url}/wheels/tools/simple/", "helper"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    depot.stop()
    assert done.returncode != 0 and "DO NOT MATCH THE HASHES" in done.stderr


def test_a_pinned_wheel_by_its_url(site: Side, index: Index, pypi: Static) -> None:
    path = index.add("apart", "1.0")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    site.bom["wheels"][0]["packages"] = [f"apart @ {pypi.url}/files/{path.name} --hash=sha256:{digest}"]
    (item,) = site.lock().lock.items
    assert (item.name, item.sha256, item.proof) == ("apart", digest, "sha256 in the BOM")


def test_constraints_and_hashes_hold(site: Side) -> None:
    site.bom["wheels"][0].update(constraints=["helper<1.5", "demo!=2.0"])
    site.lock()
    assert wheels_of(site) == ["demo 1.0", "helper 1.4", "old-thing 0.1"]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (
            {"packages": ["source-only"]},
            "there is no wheel of source-only for Python 3.9 on manylinux_2_17_x86_64. Pin",
        ),
        (
            {"packages": ["demo==7"]},
            "there is no wheel of demo==7 for Python 3.9 on manylinux_2_17_x86_64. The index has",
        ),
        ({"packages": ["demo"], "constraints": ["helper>9"]}, "the requirements exclude each other: "),
        ({"packages": ["demo", "helper<1"]}, "there is no wheel of helper<1 for Python 3.9"),
        ({"packages": ["helper==1.4", "helper==1.5"]}, "the requirements exclude each other: "),
        ({"packages": [f"demo --hash=sha256:{'0' * 64}"]}, ", which the BOM does not name."),
        ({"packages": ["demo ; nonsense"]}, "pip cannot resolve it: "),
    ],
)
def test_what_cannot_be_resolved_is_one_sentence(site: Side, more: Dict[str, Any], told: str) -> None:
    message = failure(site, **more)
    assert message.startswith("wheels tools: ") and told in message


@pytest.mark.parametrize("digest", ["md5", ""])
def test_an_index_without_sha256(site: Side, index: Index, digest: str) -> None:
    """pip computes what the index does not say; that vouches for nothing unless the index said something."""
    index.add("weak", "1.0", digest=digest)
    site.bom["wheels"][0]["packages"] = ["weak"]
    if digest == "md5":
        assert "the index says no sha256 for weak-1.0-py3-none-any.whl" in failure(site)
    else:
        site.lock()


def test_a_server_that_does_not_say_how_long_a_file_is(site: Side, pypi: Static) -> None:
    pypi.without_length.append("/files/helper-1.5-py3-none-any.whl")
    sizes = {item.name: item.size for item in site.lock(check=True).lock.items}
    assert sizes["helper"] == 0 and sizes["demo"] > 0
    sizes = {item.name: item.size for item in site.lock().lock.items}
    assert sizes["helper"] > 0


def test_credentials_reach_pip_by_a_private_file_and_nothing_else(site: Side, pypi: Static) -> None:
    pypi.refused["/"] = ("reader", "s3cret")
    message = failure(site)
    assert "s3cret" not in message
    given = [{"url": f"{pypi.url}/", "username": "reader", "password": "s3cret"}]
    site.client = Client(sleep=lambda seconds: None, back_off=0, keychain=Keychain.given(given))
    site.lock()
    assert wheels_of(site) == ["demo 2.0", "helper 1.5", "old-thing 0.1"]
    written = [path for path in [*site.top.glob("work/**/*"), *Path(site.store).glob("**/*")] if path.is_file()]
    assert written and not any(b"s3cret" in path.read_bytes() for path in written)


def fake_python(path: Path, script: str) -> str:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("exit 77", "pip is needed to resolve it; install python3-pip on this machine."),
        ("echo 'no such option: --report' >&2; exit 2", "the pip of this machine is too old, 23.0 or newer is needed"),
        ("exit 1", "pip cannot resolve it: it says nothing"),
        ("sleep 5", "pip did not come to an end within 0.2 seconds."),
    ],
)
def test_a_pip_that_cannot(site: Side, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, told: str) -> None:
    python = fake_python(tmp_path / "python", script)
    monkeypatch.setattr(pip_source, "_interpreters", lambda: [python])
    if "sleep" in script:
        monkeypatch.setattr(pip_source, "_PATIENCE", 0.2)
    assert told in failure(site)


def report(site: Side, monkeypatch: pytest.MonkeyPatch, document: Any) -> None:
    """Let pip say something else than it did."""

    def run(pip: pip_source.Pip, argv: List[str]) -> None:
        environment = json.loads(argv[0])
        path = argv[argv.index("--report") + 1]
        Path(path).write_text(json.dumps({"version": "1", "environment": environment, "install": [], **document}))

    monkeypatch.setattr(pip_source.Pip, "_run", run)


def entry(**more: Any) -> Dict[str, Any]:
    archive = {"hashes": {"sha256": "0" * 64}}
    url = "https://files.example.com/demo-1.0-py3-none-any.whl"
    base = {"metadata": {"name": "demo", "version": "1.0"}, "download_info": {"url": url, "archive_info": archive}}
    return {**base, **more}


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"version": "2"}, "writes a report that is not understood; use 23.0 or newer."),
        (
            {"environment": {"python_version": "3.11"}},
            "cannot resolve for another Python than its own; make the lock on",
        ),
        ({"install": [{}]}, "pip reports a wheel without 'metadata'."),
        ({"install": [7]}, "pip reports a wheel without"),
        ({"install": [entry(download_info={"url": "https://x.example.com/../a b.whl"})]}, "is not the name of a wheel"),
        ({"install": [entry(download_info={"url": "https://x.example.com/demo.zip"})]}, "is not the name of a wheel"),
        ({"install": [entry(download_info={"url": "https://me:pw@example.com/d.whl"})]}, "the URL names a user"),
        (
            {"install": [entry(download_info={"url": "https://x.example.com/d.whl"})]},
            "the index says no sha256 for d.whl",
        ),
    ],
)
def test_a_report_that_is_not_one(site: Side, monkeypatch: pytest.MonkeyPatch, document: Any, told: str) -> None:
    report(site, monkeypatch, document)
    message = failure(site)
    assert told in message and "pw" not in message


def test_a_withdrawn_release_is_warned_of(site: Side, index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    path = index.add("demo", "1.0")
    info = {"url": str(path), "archive_info": {"hashes": {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}}}
    metadata = {"name": "demo", "version": "1.0", "requires_dist": ["???", "helper"]}
    report(site, monkeypatch, {"install": [entry(is_yanked=True, download_info=info, metadata=metadata)]})
    (warning,) = site.lock().warnings
    assert warning == f"wheels tools: {path.name} was withdrawn by its publisher; pin another version of demo."


def test_an_old_form_of_hash_is_understood() -> None:
    row = {"download_info": {"archive_info": {"hash": f"sha256={'1' * 64}"}}}
    assert pip_source.sha256_of(row) == "1" * 64
    assert pip_source.sha256_of({}) == ""


def test_a_platform_stands_for_what_is_older() -> None:
    names = list(pip_source.expanded("manylinux_2_18_x86_64"))
    assert names[:3] == ["manylinux_2_18_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"]
    assert names[-2:] == ["manylinux_2_5_x86_64", "manylinux1_x86_64"]
    assert list(pip_source.expanded("musllinux_1_2_aarch64")) == ["musllinux_1_2_aarch64", "musllinux_1_1_aarch64"]
    assert list(pip_source.expanded("linux_armv7l")) == ["linux_armv7l"]


def test_markers_are_the_targets() -> None:
    item = WheelsItem("x", "3.8.10", (Requirement("a", "a"),), implementation="pp", platforms=("linux_aarch64",))
    told = pip_source.environment_of(item)
    assert told["python_full_version"] == "3.8.10" and told["python_version"] == "3.8"
    assert (told["implementation_name"], told["platform_machine"]) == ("pypy", "aarch64")
    assert WheelsItem("x", "3.8", (), platforms=("win32",)).machine == ""


def test_private_authorities_and_tags_reach_pip(tmp_path: Path) -> None:
    given = [{"url": "https://pypi.example.com", "ca_certificates": "-----BEGIN CERTIFICATE-----\n"}]
    access = Keychain.given(given).accesses[0]
    item = WheelsItem("x", "3.11", (), abi="cp311", index_url="https://pypi.example.com/simple")
    pip = pip_source.Pip(item, str(tmp_path), cache=None, access=access)
    argv = pip._options("report.json")
    assert argv[argv.index("--cert") + 1] == str(tmp_path / "ca.pem") and argv[argv.index("--abi") + 1] == "cp311"
    assert "NETRC" not in pip._environment()
    given = [{"url": "https://pypi.example.com", "token": "t0ken", "ca_certificates": "/etc/ca.pem"}]
    pip = pip_source.Pip(item, str(tmp_path), cache=None, access=Keychain.given(given).accesses[0])
    assert "/etc/ca.pem" in pip._options("report.json")
    netrc = Path(pip._environment()["NETRC"])
    assert netrc.read_text() == "machine pypi.example.com login __token__ password t0ken\n"
    assert netrc.stat().st_mode & 0o777 == 0o600


def test_two_bundles_and_one_set(site: Side, index: Index, tmp_path: Path) -> None:
    site.lock()
    site.pack()
    site.publish()
    other = Side(tmp_path / "other", site.upstream, site.web, site.keys)
    other.bom = {**site.bom, "name": "other"}
    index.add("helper", "1.7")
    other.lock()
    other.pack()
    with pytest.raises(
        BundleError, match="different wheels of helper for the set tools; give the sets different names"
    ):
        site.publish(Path(other.output) / "other/volume-001")


def test_a_lock_with_a_name_that_is_none(site: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    good = WheelsResolver._item

    def renamed(self: WheelsResolver, wheel: Any, size: int) -> Item:
        item = good(self, wheel, size)
        return Item(**{**item.__dict__, "name": f"../{item.name}"})

    monkeypatch.setattr(WheelsResolver, "_item", renamed)
    site.lock()
    site.pack()
    with pytest.raises(BundleError, match="with no name and version that pip could ask for"):
        site.publish()


def test_where_pip_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pip_source.shutil, "which", lambda name: None)
    assert pip_source._interpreters() == [sys.executable]
