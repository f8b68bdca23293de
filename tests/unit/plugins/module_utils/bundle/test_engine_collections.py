# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Collections: resolved from a Galaxy server that the real ansible-galaxy accepts too, published, and installed from the depot."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle import collection_tarball, tarball
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.lock import Item, Lock
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.sources import (
    collections as collections_source,
)
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.sources.collections import CollectionsResolver
from ansible_collections.fieldops.mattermost.tests.unit.galaxy import Galaxy, collection, pack
from ansible_collections.fieldops.mattermost.tests.unit.python_index import Static
from ansible_collections.fieldops.mattermost.tests.unit.upstream import Side


@pytest.fixture
def galaxy() -> Iterator[Galaxy]:
    server = Galaxy()
    server.add("acme.base", "1.0.0")
    server.add("acme.base", "1.5.0")
    server.add("acme.base", "2.0.0")
    server.add("acme.base", "3.0.0-rc1")
    server.add("acme.top", "1.0.0", {"acme.base": ">=1.0.0,<2.0.0"})
    server.add("acme.top", "1.1.0", {"acme.base": "<2"})
    server.add("acme.other", "0.1.0", {"acme.base": ">=2.0.0"})
    yield server
    server.stop()


@pytest.fixture
def site(side: Side, galaxy: Galaxy) -> Side:
    side.bom = {"name": "site", "collections": [row(galaxy, "acme.top")]}
    return side


def row(galaxy: Galaxy, name: str, **more: Any) -> Dict[str, Any]:
    return {"name": name, "source": galaxy.url, **more}


def locked(side: Side) -> List[str]:
    return [f"{item.name} {item.version}" for item in Lock.read(side.lock_path).items]


def failure(side: Side) -> str:
    with pytest.raises(BundleError) as caught:
        side.lock()
    assert not Path(side.lock_path).exists()
    return str(caught.value)


def ansible_galaxy(home: Path, *argv: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The real one, which knows no server but the one it is given."""
    home.mkdir(exist_ok=True)
    nowhere = home / "ansible.cfg"
    nowhere.write_text("[galaxy]\nserver_list = nowhere\n[galaxy_server.nowhere]\nurl = http://127.0.0.1:9/\n")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "ANSIBLE_HOME": str(home),
        "ANSIBLE_CONFIG": str(nowhere),
    }
    command = [sys.executable, "-m", "ansible", "galaxy", "collection", *argv, "-p", str(home / "collections")]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def installed(home: Path) -> List[str]:
    found = []
    for path in sorted(home.glob("collections/ansible_collections/*/*/MANIFEST.json")):
        info = json.loads(path.read_text())["collection_info"]
        found.append(f"{info['namespace']}.{info['name']} {info['version']}")
    return found


def test_the_server_of_these_tests_is_one_for_ansible_galaxy(galaxy: Galaxy, tmp_path: Path) -> None:
    done = ansible_galaxy(tmp_path / "home", "install", "-s", galaxy.url, "acme.top", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert installed(tmp_path / "home") == ["acme.base 1.5.0", "acme.top 1.1.0"]


def test_the_newest_that_fits_all(site: Side, galaxy: Galaxy) -> None:
    result = site.lock()
    assert locked(site) == ["acme.base 1.5.0", "acme.top 1.1.0"]
    told = {item.name: item for item in result.lock.items}
    assert (told["acme.top"].why, told["acme.base"].why) == ("", "acme.top")
    assert told["acme.base"].proof == f"sha256 told by {galaxy.url}"
    assert told["acme.base"].destination == "acme-base-1.5.0.tar.gz"


def test_nothing_new_costs_one_conditional_request_each_and_writes_nothing(site: Side, galaxy: Galaxy) -> None:
    site.lock()
    before = Path(site.lock_path).read_bytes()
    galaxy.requests.clear()
    assert not site.lock(now=site.now + 3600).changed
    assert Path(site.lock_path).read_bytes() == before
    assert [path for path, headers in galaxy.requests if "If-None-Match" not in headers] == ["/"]
    lists = [path for path, _headers in galaxy.requests if "/versions/?" in path]
    assert len(lists) == len(galaxy.requests) - 2 == 3  # two pages of one, one of the other
    galaxy.add("acme.base", "1.6.0")
    changes = [change.told()["text"].rpartition(",")[0] for change in site.lock(now=site.now + 7200).changes]
    assert changes == ["changed acme.base 1.5.0 -> 1.6.0"]


def test_an_exact_version_needs_no_list(site: Side, galaxy: Galaxy) -> None:
    site.bom["collections"] = [row(galaxy, "acme.base", version="3.0.0-rc1")]
    site.lock()
    assert locked(site) == ["acme.base 3.0.0-rc1"]
    assert not [path for path, _headers in galaxy.requests if "?" in path]


def test_check_mode_writes_nothing(site: Side) -> None:
    result = site.lock(check=True)
    assert len(result.lock.items) == 2 and not Path(site.store).exists() and not Path(site.lock_path).exists()


def test_collections_by_path_are_looked_into(site: Side, galaxy: Galaxy, monkeypatch: pytest.MonkeyPatch) -> None:
    built = site.top / "acme-own-1.0.0.tar.gz"
    built.write_bytes(collection("acme.own", "1.0.0", {"acme.top": "*", "acme.base": "!=1.5.0"}))
    digest = hashlib.sha256(built.read_bytes()).hexdigest()
    own = {"name": "acme.own", "source": str(built), "sha256": digest}
    site.bom["collections"] = [own, row(galaxy, "acme.top")]
    result = site.lock()
    assert locked(site) == ["acme.base 1.0.0", "acme.own 1.0.0", "acme.top 1.1.0"]
    assert [item.proof for item in result.lock.items if item.name == "acme.own"] == ["sha256 in the BOM"]
    with monkeypatch.context() as patch:
        patch.setattr(collections_source, "verify", None)  # what was looked at once is not unpacked again
        assert not site.lock(now=site.now + 60).changed
    site.bom["collections"][0] = {"name": "acme.own", "source": str(built), "unverified": {"reason": "built here"}}
    result = site.lock(now=site.now + 120)
    assert result.warnings == ["collection acme.own has no pinned sha256. Reason given: built here"]
    assert not site.lock(now=site.now + 180).changed
    built.write_bytes(collection("acme.own", "1.0.1", {"acme.base": ">=1.0.0"}))
    assert site.lock(now=site.now + 240).changed
    assert "acme.own 1.0.1" in locked(site)
    assert site.lock(check=True, now=site.now + 300).lock.items


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([{"name": "acme.none"}], "has no collection acme.none (the BOM wants *)."),
        ([{"name": "acme.base", "version": "9.9.9"}], "has no acme.base 9.9.9 (the BOM wants 9.9.9)."),
        (
            [{"name": "acme.top"}, {"name": "acme.other"}],
            "no version of acme.base fits all that is wanted: acme.top wants <2; acme.other wants >=2.0.0. The newest of",
        ),
        (
            [{"name": "acme.base", "version": ">=1"}, {"name": "acme.base", "version": "3.0.0-rc1"}],
            "no version of acme.base",
        ),
    ],
)
def test_what_cannot_be_met_is_one_sentence(site: Side, galaxy: Galaxy, rows: List[Dict[str, Any]], told: str) -> None:
    site.bom["collections"] = [{"source": galaxy.url, **wanted} for wanted in rows]
    message = failure(site)
    assert message.startswith("collections: ") and told in message


def test_a_server_whose_api_is_at_the_given_url(site: Side, galaxy: Galaxy) -> None:
    """As private hubs have it, which give one URL for each of their repositories."""
    galaxy.replies["/hub/published/"] = {"available_versions": {"v3": "v3"}}
    listing = {"meta": {"count": 1}, "links": {}, "data": [{"version": "1.0.0"}]}
    galaxy.replies["/hub/published/v3/collections/acme/base/versions/"] = listing
    galaxy.replies["/hub/published/v3/collections/acme/base/versions/1.0.0/"] = galaxy.detail("acme.base", "1.0.0")
    site.bom["collections"] = [{"name": "acme.base", "source": f"{galaxy.url}/hub/published/"}]
    site.lock()
    assert locked(site) == ["acme.base 1.0.0"]


def test_a_choice_that_never_settles(site: Side, galaxy: Galaxy) -> None:
    galaxy.add("acme.left", "1.0.0")
    galaxy.add("acme.left", "2.0.0", {"acme.right": "*"})
    galaxy.add("acme.right", "1.0.0", {"acme.left": "<2.0.0"})
    site.bom["collections"] = [row(galaxy, "acme.left")]
    assert "no choice of acme.left" in failure(site)


@pytest.mark.parametrize(
    ("path", "reply", "told"),
    [
        ("/api/", {}, "is not a Galaxy server with version 3 of its API."),
        ("/api/", {"available_versions": ["v3"]}, "is not a Galaxy server with version 3 of its API."),
        ("/api/v3/collections/acme/top/versions/", {"data": [], "links": ["next"]}, "has no collection acme.top"),
        ("/api/", b"<html>", "is not readable JSON"),
        ("/api/v3/collections/acme/top/versions/", {"data": 7}, "the versions of acme.top are not a list."),
        (
            "/api/v3/collections/acme/top/versions/",
            {"data": [], "links": {"next": "https://elsewhere.example.com/"}},
            "sends on to 'https://elsewhere.example.com/', which is not followed.",
        ),
        ("/api/v3/collections/acme/top/versions/1.1.0/", {"version": "1.1.0"}, "is described without 'artifact'."),
        (
            "/api/",
            {"available_versions": {"v3": "//elsewhere.example.com/"}},
            "elsewhere.example.com/', which is not fol",
        ),
    ],
)
def test_a_server_that_talks_nonsense(site: Side, galaxy: Galaxy, path: str, reply: Any, told: str) -> None:
    galaxy.replies[path] = reply
    assert told in failure(site)


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("artifact", {"sha256": "0", "size": 1}, "without a usable sha256 and size"),
        ("artifact", {"sha256": "0" * 64, "size": -1}, "without a usable sha256 and size"),
        ("download_url", "https://me:pw@example.com/x", "the URL names a user or password"),
        ("download_url", "file:///etc/hosts", "'file:///etc/hosts' is a file of this machine, to which no server may"),
        ("artifact", None, "is described without"),
        ("metadata", {"dependencies": {"../x": "*"}}, "its dependency '../x' is not one of a collection."),
        ("metadata", {"dependencies": {"acme.base": 7}}, "its dependency 'acme.base' is not one of a collection."),
        ("metadata", {"dependencies": {"acme.base": "~1"}}, "acme.top depends on acme.base '~1', which is no range."),
    ],
)
def test_a_description_that_is_not_usable(site: Side, galaxy: Galaxy, key: str, value: Any, told: str) -> None:
    detail = galaxy.detail("acme.top", "1.1.0")
    galaxy.replies["/api/v3/collections/acme/top/versions/1.1.0/"] = {**detail, key: value}
    assert told in failure(site)


def test_a_list_without_end(site: Side, galaxy: Galaxy) -> None:
    path = "/api/v3/collections/acme/top/versions/"
    galaxy.replies[path] = {"results": [{"version": "1.0.0"}], "links": {"next": f"{path}?limit=100"}}
    assert "the list of the versions of acme.top has no end." in failure(site)


def test_signatures_of_the_server(site: Side, galaxy: Galaxy) -> None:
    key = site.keys["archive"]
    site.bom["collections"] = [row(galaxy, "acme.base", keyring=key.public_key().decode())]
    assert f"has no good signature for the keyring that the BOM gives: {galaxy.url} has none." in failure(site)
    manifest = gzip_member(galaxy.tarballs["acme.base", "2.0.0"], "MANIFEST.json")
    strange = site.keys["stranger"].sign(manifest, clear=False, moment=int(site.now)).decode()
    good = key.sign(manifest, clear=False, moment=int(site.now)).decode()
    galaxy.signatures["acme.base", "2.0.0"] = [strange]
    assert "has no good signature for the keyring that the BOM gives: The signature of collection" in failure(site)
    galaxy.signatures["acme.base", "2.0.0"] = [strange, good]
    lock = site.lock().lock
    assert lock.items[0].proof.startswith("signature ") and key.fingerprint in lock.items[0].proof
    (evidence,) = lock.evidence
    assert evidence.facts == {"of": "acme.base", "signed": "MANIFEST.json", "signed_by": [key.fingerprint]}
    assert not site.lock(now=site.now + 60).changed


def gzip_member(data: bytes, name: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        stream = archive.extractfile(name)
        assert stream is not None
        return stream.read()


def test_ansible_galaxy_installs_from_the_depot_alone(site: Side, galaxy: Galaxy, tmp_path: Path) -> None:
    site.bom["collections"].append(row(galaxy, "acme.base", version=">=1.0.0"))
    site.lock()
    site.pack()
    site.publish()
    galaxy.stop()
    published = tmp_path / "depot/current"
    manifest = json.loads((published / "manifest.json").read_text())
    assert [f"{told['name']} {told['path']}" for told in manifest["collections"]] == [
        "acme.base collections/acme-base-1.5.0.tar.gz",
        "acme.top collections/acme-top-1.1.0.tar.gz",
    ]
    home = tmp_path / "by-file"
    done = ansible_galaxy(home, "install", "-r", "requirements.yml", cwd=published / "collections")
    assert done.returncode == 0, done.stderr
    assert installed(home) == ["acme.base 1.5.0", "acme.top 1.1.0"]
    depot = Static(published)
    home = tmp_path / "by-server"
    done = ansible_galaxy(home, "install", "-s", f"{depot.url}/collections/api/", "acme.top:>=1.0.0", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert installed(home) == ["acme.base 1.5.0", "acme.top 1.1.0"]
    done = ansible_galaxy(tmp_path / "c", "install", "-s", f"{depot.url}/collections/", "acme.none", cwd=tmp_path)
    depot.stop()
    assert done.returncode != 0 and "acme.none" in done.stderr


def test_collections_that_did_not_change_are_linked_with_their_signature(site: Side, tmp_path: Path) -> None:
    sums = tmp_path / "depot/current/collections/SHA256SUMS.asc"
    site.lock()
    site.pack()
    site.publish()
    before = sums.stat().st_ino
    site.bom["files"] = [site.file("note", b"a note")]
    site.lock(now=site.now + 60)
    site.pack()
    assert site.publish(now=site.now + 60).generation == 2
    assert sums.stat().st_ino == before


def test_several_bundles_bring_several_versions(site: Side, galaxy: Galaxy, tmp_path: Path) -> None:
    site.lock()
    site.pack()
    site.publish()
    other = Side(tmp_path / "other", site.upstream, site.web, site.keys)
    other.bom = {"name": "other", "collections": [row(galaxy, "acme.base")]}
    other.lock()
    other.pack()
    site.publish(Path(other.output) / "other/volume-001")
    published = tmp_path / "depot/current/collections"
    assert sorted(path.name for path in published.glob("*.gz")) == [
        "acme-base-1.5.0.tar.gz",
        "acme-base-2.0.0.tar.gz",
        "acme-top-1.1.0.tar.gz",
    ]
    assert "acme-base-2.0.0" in (published / "requirements.yml").read_text()
    assert "acme-base-1.5.0" not in (published / "requirements.yml").read_text()
    listing = json.loads((published / "api/v3/collections/acme/base/versions/index.html").read_text())
    assert [told["version"] for told in listing["data"]] == ["2.0.0", "1.5.0"]


def test_two_bundles_and_one_place(site: Side, galaxy: Galaxy, tmp_path: Path) -> None:
    site.lock()
    site.pack()
    site.publish()
    other = Side(tmp_path / "other", site.upstream, site.web, site.keys)
    built = tmp_path / "acme-base-1.5.0.tar.gz"
    built.write_bytes(collection("acme.base", "1.5.0", files={"x": b"x"}))
    own = {"name": "acme.base", "source": str(built), "unverified": {"reason": "built here"}}
    other.bom = {"name": "other", "collections": [own]}
    other.lock()
    other.pack()
    with pytest.raises(BundleError, match=r"different files for collections/acme-base-1\.5\.0\.tar\.gz"):
        site.publish(Path(other.output) / "other/volume-001")


def test_a_lock_with_a_place_that_is_none(site: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    good = CollectionsResolver.resolve

    def elsewhere(self: CollectionsResolver) -> Any:
        resolved = good(self)
        resolved.items = [Item(**{**item.__dict__, "destination": "api/index.html"}) for item in resolved.items[:1]]
        return resolved

    monkeypatch.setattr(CollectionsResolver, "resolve", elsewhere)
    site.lock()
    site.pack()
    with pytest.raises(BundleError, match=r"as api/index\.html, not as acme-base-1\.5\.0\.tar\.gz"):
        site.publish()


def bomb(name: str) -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        header = tarfile.TarInfo(name)
        header.size = 4 << 20
        archive.addfile(header, io.BytesIO(bytes(header.size)))
    return gzip.compress(plain.getvalue())


def long_header() -> bytes:
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 2 << 20
    return gzip.compress(header.tobuf() + bytes(header.size) + bytes(10240))


GOOD = collection("acme.own", "1.0.0", {"acme.base": "*"})


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"nothing", "is not a usable .tar.gz: Not a gzipped file"),
        (GOOD[: len(GOOD) // 2], "is not a usable .tar.gz: "),
        (long_header(), "is not a usable .tar.gz: a header in it is too long."),
        (pack({"x": b""}), "has no MANIFEST.json or FILES.json; build it with ansible-galaxy collection build."),
        (pack({"MANIFEST.json": b"[]", "FILES.json": b"{}"}), "is not a JSON object"),
        (
            pack({"MANIFEST.json": b"{}", "FILES.json": b"{}"}),
            "its manifest gives no name and version of a collection.",
        ),
        (collection("acme.own", "1"), "its manifest gives no name and version of a collection."),
        (
            collection("acme.own", "1.0.0", extra={"evil.py": b""}),
            "is damaged: evil.py is not what its FILES.json says.",
        ),
        (
            collection("acme.own", "1.0.0", extra={"README.md": b"x"}),
            "is damaged: README.md is not what its FILES.json says.",
        ),
        (collection("acme.own", "1.0.0", manifest={"file_manifest_file": {}}), "its FILES.json is not the one that"),
        (collection("acme.own", "1.0.0", extra={"README.md": None}), "is damaged: README.md is missing in it."),  # type: ignore[dict-item]
    ],
)
def test_tarballs_of_strangers(tmp_path: Path, data: bytes, told: str) -> None:
    path = tmp_path / "x.tar.gz"
    path.write_bytes(data)
    with pytest.raises(BundleError) as caught:
        collection_tarball.verify(str(path), what="The collection x")
    assert told in str(caught.value)


def test_limits_of_what_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "x.tar.gz"
    path.write_bytes(bomb("x"))
    with pytest.raises(BundleError, match="it unpacks to more than any archive of its kind has"):
        list(tarball.walk(str(path), what="It", limit=1 << 20))
    with pytest.raises(BundleError, match="x is not a file of 10 bytes at most"):
        tarball.find(str(path), lambda name: name == "x", limit=10, what="It")
    with pytest.raises(BundleError, match=r"has no MANIFEST\.json; build it"):
        collection_tarball.read(str(path), what="It")


def test_a_name_twice_and_links(tmp_path: Path) -> None:
    path = tmp_path / "x.tar.gz"
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("./a"))
        link = tarfile.TarInfo("b")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    path.write_bytes(gzip.compress(plain.getvalue()))
    held = tarball.listing(str(path), {}, what="It")
    assert held.sums == {"a": hashlib.sha256(b"").hexdigest(), "b": ""}
    assert (held.links, held.kept) == ({"b": "/etc/passwd"}, {})
    with pytest.raises(BundleError, match="b is not a file of 10 bytes at most"):
        tarball.listing(str(path), {"b": 10}, what="It")
    twice = io.BytesIO()
    with tarfile.open(fileobj=twice, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("./a"))
        archive.addfile(tarfile.TarInfo("a"))
    path.write_bytes(gzip.compress(twice.getvalue()))
    with pytest.raises(BundleError, match="has two members with the name 'a'"):
        tarball.listing(str(path), {}, what="It")


def test_the_name_in_a_tarball_counts(site: Side) -> None:
    built = site.top / "x.tar.gz"
    built.write_bytes(GOOD)
    site.bom["collections"] = [{"name": "acme.mine", "source": str(built), "unverified": {"reason": "built here"}}]
    assert "is acme.own, not acme.mine, as the BOM says." in failure(site)


def linked(target: str) -> bytes:
    """A collection with a symbolic link, which its list has as a file."""
    plain = io.BytesIO(gzip.decompress(collection("acme.own", "1.0.0", files={"a/b": b""})))
    out = io.BytesIO()
    with tarfile.open(fileobj=plain) as source, tarfile.open(fileobj=out, mode="w") as archive:
        for member in source:
            stream = source.extractfile(member) if member.isreg() else None
            if member.name == "a/b":
                member.type, member.linkname, stream = tarfile.SYMTYPE, target, None
            archive.addfile(member, stream)
    return gzip.compress(out.getvalue())


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("../README.md", ""),
        ("../meta", ""),
        ("../../README.md", "a/b is a link to ../README.md, which is not in it, so that nobody could install it"),
        ("/etc/passwd", "a/b is a link to /etc/passwd, which is not in it"),
    ],
)
def test_links_in_a_collection(tmp_path: Path, target: str, told: str) -> None:
    path = tmp_path / "x.tar.gz"
    path.write_bytes(linked(target))
    if not told:
        assert collection_tarball.verify(str(path), what="It").name == "acme.own"
        return
    with pytest.raises(BundleError, match=told):
        collection_tarball.verify(str(path), what="It")
