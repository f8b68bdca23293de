# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What yum repositories send, read as the hostile input that it may be. Nothing here needs rpm's tools."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import shutil
import subprocess
from pathlib import Path
from typing import Any, Dict

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle import unpack as unpacking
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle import yumrepo
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.lock import Item, Lock, Repository
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.sources import rpm_xml
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.sources.rpm_repomd import read_repomd
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.unpack import ending_of, unpack
from hypothesis import given
from hypothesis import strategies as st

SHA = "a" * 64
WHERE = "https://rpm.example.com/os"


def data(kind: str, **told: str) -> str:
    values = {"type": "sha256", "sha": SHA, "href": f"repodata/{kind}.xml.gz", "size": "10", "more": "", **told}
    return (
        f'<data type="{kind}"><checksum type="{values["type"]}">{values["sha"]}</checksum>'
        f'<location href="{values["href"]}" {values["more"]}/><timestamp>1700000000.5</timestamp>'
        f"<size>{values['size']}</size><open-size>{values.get('open', '')}</open-size></data>"
    )


def repomd(*parts: str, revision: str = "7", root: str = "repomd", head: str = "") -> bytes:
    body = "".join(parts or (data("primary"), data("filelists")))
    text = f'{head}<{root} xmlns="http://linux.duke.edu/metadata/repo"><revision>{revision}</revision>{body}</{root}>'
    return text.encode()


def refused(document: bytes) -> str:
    with pytest.raises(BundleError) as caught:
        read_repomd(document, where=WHERE)
    return str(caught.value)


def test_what_a_repository_consists_of() -> None:
    told = read_repomd(
        repomd(data("primary", open="99"), data("filelists"), data("primary_db", type="md5")), where=WHERE
    )
    assert told.revision == 7
    assert sorted(told.files) == ["filelists", "primary"]
    primary = told.files["primary"]
    assert (primary.href, primary.sha256, primary.size, primary.limit) == ("repodata/primary.xml.gz", SHA, 10, 99)
    assert primary.ending == ".gz"
    assert told.files["filelists"].limit == 2 << 30
    assert read_repomd(repomd(revision="unknown"), where=WHERE).revision == 1_700_000_000


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (b"", "is not readable XML"),
        (b"<repomd", "is not readable XML"),
        (b"\xff\xfe<\0r\0", "is not in UTF-8"),
        (b"<a>\xff</a>", "is not readable XML"),
        (repomd(head='<?xml version="1.0" encoding="UTF-7"?>'), "is not in UTF-8"),
        (repomd(root="metadata"), "is no repomd.xml"),
        (repomd(data("primary")), "lists no filelists"),
        (repomd(data("primary"), data("primary")), "lists primary twice"),
        (repomd(data("primary", type="sha")), "gives no sha256 of primary, but sha; only SHA-256 is believed"),
        (repomd(data("primary", type="md5")), "gives no sha256 of primary, but md5"),
        (repomd(data("primary", sha="A" * 64)), "gives no sha256 of primary"),
        (repomd('<data type="primary"><size>1</size></data>'), "but nothing; only SHA-256 is believed"),
        (repomd(data("primary", size="0")), "gives primary a size of 0 bytes"),
        (repomd(data("primary", size="9" * 30)), "gives primary a size of 0 bytes"),
        (repomd(data("primary", size="\u00b2")), "gives primary a size of 0 bytes"),
        (repomd(data("primary", size=str(1 << 30))), "from 1 to 536870912 are accepted"),
        (repomd(data("primary", href="../../etc/passwd")), "no plain path inside the repository"),
        (repomd(data("primary", href="repodata/../../x")), "no plain path inside the repository"),
        (repomd(data("primary", href="/etc/passwd")), "no plain path inside the repository"),
        (repomd(data("primary", href="https://evil.example.com/p.xml")), "no plain path inside the repository"),
        (repomd(data("primary", href="repodata/%2e%2e/x")), "no plain path inside the repository"),
        (repomd(data("primary", href="repodata//x")), "no plain path inside the repository"),
        (repomd(data("primary", href="a b")), "no plain path inside the repository"),
        (repomd(data("primary", href="")), "no plain path inside the repository"),
        (repomd(data("primary", more='xml:base="https://evil.example.com"')), "no plain path inside the repository"),
    ],
)  # fmt: skip
def test_what_is_refused(document: bytes, said: str) -> None:
    told = refused(document)
    assert said in told
    assert WHERE in told


def test_entities_are_refused_before_anything_is_parsed() -> None:
    lines = ['<!DOCTYPE b [<!ENTITY a0 "ha">', *(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(30)), "]>"]
    assert "has a document type, a comment or CDATA" in refused(repomd(head="".join(lines)))
    with pytest.raises(BundleError, match="has a document type"):
        rpm_xml.packages(b"<!-- <package >", {SHA}, rpm_xml.PACKAGE_ID, what="filelists")


@given(st.binary(max_size=300) | st.text(max_size=200).map(repomd))
def test_whatever_comes_there_is_an_answer(document: bytes) -> None:
    with pytest.raises(BundleError):
        read_repomd(document, where=WHERE)


def test_elements_are_cut_out_word_for_word() -> None:
    one = f'<package pkgid="{SHA}" name="x"><file>&lt;/package&gt;</file>\n</package>'
    two = one.replace(SHA, "b" * 64)
    text = f"<filelists>\n{one}\n{two}\n{one}</filelists>".encode()
    assert rpm_xml.packages(text, {SHA}, rpm_xml.PACKAGE_ID, what="filelists") == {SHA: one}
    assert rpm_xml.elements(b"<updates><update a='1'>x</update><update>y</update></updates>", b"update", what="u") == [
        "<update a='1'>x</update>",
        "<update>y</update>",
    ]
    for cut in (f'<package pkgid="{SHA}">'.encode(), f"<checksum x>{SHA}</checksum></package>".encode()):
        with pytest.raises(BundleError, match="has no end where one is expected"):
            rpm_xml.packages(cut, {SHA}, rpm_xml.PACKAGE_ID if b"pkgid" in cut else rpm_xml.PRIMARY_ID, what="it")
    with pytest.raises(BundleError, match="is not in UTF-8"):
        rpm_xml.elements(b"<update>\xff</update>", b"update", what="updateinfo")


def primary(**told: str) -> str:
    values = {"name": "app", "arch": "noarch", "epoch": "0", "ver": "1.0", "rel": "1", "sha": SHA, "type": "sha256",
              "size": "10", "href": "Packages/app-1.0-1.noarch.rpm", "more": "", **told}  # fmt: skip
    return (
        '<package type="rpm"><name>{name}</name><arch>{arch}</arch><version epoch="{epoch}" ver="{ver}" rel="{rel}"/>'
        '<checksum type="{type}" pkgid="YES">{sha}</checksum><size package="{size}"/><location href="{href}"/>{more}'
        '<format><rpm:license xmlns="x">MIT &amp; more</rpm:license></format></package>'
    ).format(**values)


def test_a_primary_element_taken_apart() -> None:
    told = yumrepo.read_primary(primary(epoch="2", ver="1.0~rc1^git"), what="primary")
    assert (told.name, told.version, told.architecture) == ("app", "2:1.0~rc1^git-1", "noarch")
    assert (told.sha256, told.size, told.href) == (SHA, 10, "Packages/app-1.0-1.noarch.rpm")
    assert told.file == "app-1.0~rc1^git-1.noarch.rpm"


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"name": "../../app"}, "which is no plain name"),
        ({"ver": "1/0"}, "which is no plain name"),
        ({"ver": ""}, "which is no plain name"),
        ({"name": "-rf"}, "which is no plain name"),
        ({"type": "sha"}, "no usable size and sha256"),
        ({"sha": "abc"}, "no usable size and sha256"),
        ({"size": "-1"}, "no usable size and sha256"),
        ({"size": "9" * 20}, "no usable size and sha256"),
        ({"epoch": "1:2"}, "does not say where"),
        ({"more": '<location href="other.rpm"/>'}, "does not say where"),
        ({"href": "/srv/app.rpm"}, "no plain path inside the repository"),
        ({"href": "../app.rpm"}, "no plain path inside the repository"),
        ({"href": "https://evil.example.com/app.rpm"}, "no plain path inside the repository"),
        ({"more": "</package><package>"}, "is not one element"),
        ({"more": "<odd:tag/>"}, "is not readable XML"),
    ],
)  # fmt: skip
def test_a_primary_element_is_not_believed_blindly(told: Dict[str, str], said: str) -> None:
    with pytest.raises(BundleError, match=said):
        yumrepo.read_primary(primary(**told), what="primary")
    with pytest.raises(BundleError, match="no plain name"):
        yumrepo.read_primary("<package/>", what="primary")


@given(st.data())
def test_a_damaged_primary_element_is_read_or_refused(draw: st.DataObject) -> None:
    text = primary()
    start = draw.draw(st.integers(0, len(text)))
    stop = draw.draw(st.integers(start, min(len(text), start + 20)))
    damaged = text[:start] + draw.draw(st.text(max_size=10)) + text[stop:]
    try:
        told = yumrepo.read_primary(damaged, what="primary")
    except BundleError:
        return
    assert "/" not in told.file
    assert ".." not in told.href.split("/")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["baseurl", "keys", "unsigned", "source", "sha256", "primary"]), inner, max_size=6
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["sources", "packages", "updateinfo", "modules"]), JSON, min_size=4))
def test_an_odd_description_is_read_or_refused(document: Dict[str, Any]) -> None:
    data = json.dumps({"format": 1, **document}).encode()
    try:
        yumrepo.read_description(lock_of(ITEM), REPOSITORY, data)
    except BundleError:
        return
    pytest.fail("it has nothing of what the lock names")


def described(**more: Any) -> yumrepo.Description:
    package = yumrepo.Package(0, SHA, primary(), f'<package pkgid="{SHA}"/>', "")
    told = {"sources": (yumrepo.Source(WHERE, ("key",)),), "packages": (package,), **more}
    return yumrepo.Description(**told)


def lock_of(*items: Item) -> Lock:
    return Lock("site", "", 1, "2026-01-01T00:00:00Z", 1, SHA, items=items)


ITEM = Item("rpm", "app", 10, SHA, "https://rpm.example.com/app.rpm", "", "1.0-1", "el-9", "noarch")
REPOSITORY = Repository("el-9", "9", "x86_64", ("app",), SHA, "rpm")


def test_a_description_says_what_the_lock_says() -> None:
    description = described(updateinfo=("<update/>",), modules=("---\n",))
    data = description.dump()
    assert yumrepo.read_description(lock_of(ITEM), REPOSITORY, data) == description
    for items, source, said in (
        ((), 0, "tell of app-1.0-1.noarch.rpm, which the lock does not name so"),
        ((ITEM, Item(**{**ITEM.__dict__, "name": "x", "sha256": "b" * 64})), 0, "lack 1 of the packages"),
        ((ITEM,), 1, "which the lock does not name so"),
    ):
        package = yumrepo.Package(source, SHA, primary())
        with pytest.raises(BundleError, match=said):
            yumrepo.read_description(lock_of(*items), REPOSITORY, described(packages=(package,)).dump())


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"[]", "is not a JSON object"),
        (b"{}", "are not of format 1"),
        (b'{"format": 1}', "are not made as they should be"),
        (b'{"format": 1, "sources": [{}], "packages": [], "updateinfo": [], "modules": []}', "not made as they should"),
        (b'{"format": 1, "sources": [], "packages": [{"a": 1}], "updateinfo": [], "modules": []}', "not made as they"),
        (b'{"format": 1, "sources": [], "packages": [5], "updateinfo": [], "modules": []}', "not made as they should"),
        (
            b'{"format": 1, "sources": [], "packages": [{"source": "0", "sha256": "", "primary": ""}]}',
            "not made as they should be: a package is",
        ),
    ],
)  # fmt: skip
def test_a_description_that_is_none(data: bytes, said: str) -> None:
    with pytest.raises(BundleError, match=said):
        yumrepo.Description.parse(data, "The description")


def test_packages_can_be_taken_out_of_a_description() -> None:
    full, data = lock_of(ITEM), described().dump()
    assert (
        yumrepo.Description.parse(yumrepo.description_without(full, lock_of(), REPOSITORY, data), "it").packages == ()
    )
    assert yumrepo.description_without(full, full, REPOSITORY, data) == data


def test_metadata_is_the_same_bytes_for_the_same_packages() -> None:
    description = described(updateinfo=("<update>1</update>",), modules=("---\na: 1\n", "---\nb: 1\n"))
    files = yumrepo.render(description, moment=5)
    assert files == yumrepo.render(description, moment=5)
    told = read_repomd(files[yumrepo.REPOMD], where=WHERE)
    assert sorted(told.files) == ["filelists", "modules", "primary", "updateinfo"]  # there is no "other" upstream
    assert told.revision == 5
    text = gzip.decompress(files[told.files["primary"].href]).decode()
    assert '<location href="packages/app-1.0-1.noarch.rpm"/>' in text
    assert 'packages="1"' in text
    assert gzip.decompress(files[told.files["modules"].href]) == b"---\na: 1\n---\nb: 1\n"


def test_two_descriptions_become_one() -> None:
    more = yumrepo.Package(0, "b" * 64, primary(name="more", sha="b" * 64))
    other = described(packages=(*described().packages, more), updateinfo=("<update/>",), modules=("---\n",))
    both = yumrepo.merge(described(), other)
    assert [(package.sha256, package.source) for package in both.packages] == [(SHA, 0), ("b" * 64, 1)]
    assert len(both.sources) == 2
    assert yumrepo.merge(both, both).updateinfo == ("<update/>",)


PACKERS = {".gz": gzip.compress, ".xz": lzma.compress, ".bz2": bz2.compress, "": bytes}


@pytest.mark.parametrize("ending", PACKERS)
def test_decompression_stops_at_its_limit(tmp_path: Path, ending: str) -> None:
    packed = tmp_path / "packed"
    packed.write_bytes(PACKERS[ending](bytes(5 << 20)))
    target = tmp_path / "cache/target"
    unpack(str(packed), str(target), ending=ending, limit=5 << 20, what="primary")
    assert target.stat().st_size == 5 << 20
    with pytest.raises(BundleError, match="Cannot decompress primary: it becomes larger than the 5242879 bytes"):
        unpack(str(packed), str(target), ending=ending, limit=(5 << 20) - 1, what="primary")
    if ending:
        packed.write_bytes(PACKERS[ending](b"x" * 5000)[:-12])
        with pytest.raises(BundleError, match="Cannot decompress primary"):
            unpack(str(packed), str(tmp_path / "cache/new"), ending=ending, limit=1 << 20, what="primary")
        packed.write_bytes(b"no such thing")
        with pytest.raises(BundleError, match="Cannot decompress primary"):
            unpack(str(packed), str(tmp_path / "cache/new"), ending=ending, limit=1 << 20, what="primary")
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["target"]
    with pytest.raises(FileNotFoundError):  # which the engine tells as a sentence of its own
        unpack(str(tmp_path / "absent"), str(target), ending=ending, limit=1, what="primary")


@pytest.mark.skipif(not shutil.which("zstd"), reason="install zstd (tools/bootstrap does)")
def test_zstd_by_its_own_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = tmp_path / "primary.xml"
    plain.write_bytes(bytes(50 << 20))
    subprocess.run(["zstd", "-q", str(plain)], check=True)
    packed, target = f"{plain}.zst", tmp_path / "target"
    assert ending_of(packed) == ".zst"
    unpack(packed, str(target), ending=".zst", limit=50 << 20, what="primary")
    assert target.stat().st_size == 50 << 20
    with pytest.raises(BundleError, match="larger than the 1000 bytes"):
        unpack(packed, str(target), ending=".zst", limit=1000, what="primary")
    (tmp_path / "odd").write_bytes(b"no zstd")
    with pytest.raises(BundleError, match=r"Cannot decompress primary: .*odd"):
        unpack(str(tmp_path / "odd"), str(target), ending=".zst", limit=1000, what="primary")
    monkeypatch.setattr(unpacking.shutil, "which", lambda name: None)
    with pytest.raises(BundleError, match="install zstd on this machine"):
        unpack(packed, str(target), ending=".zst", limit=1000, what="primary")
