# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rpm section of a bill of materials, and the one sentence for each mistake."""

from __future__ import annotations

from typing import Any, Dict, Tuple

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.bom import Bom
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.fieldops.mattermost.tests.unit.mistakes import with_mistake

SOURCE = {
    "baseurl": "https://rpm.example.com/$releasever/BaseOS/$basearch/os/",
    "signed_by": "/etc/pki/rpm-gpg/RPM-GPG-KEY-example",
}
GOOD: Dict[str, Any] = {
    "name": "site",
    "rpm": [
        {
            "name": "el-9",
            "release": "9",
            "architecture": "x86_64",
            "packages": ["nginx", "libstdc++", "glibc.i686", "python3-PyYAML-5.4.1"],
            "sources": [SOURCE],
            "exclude": ["kernel*"],
            "modules": ["postgresql:15"],
        }
    ],
}
KEY = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n"


def changed(value: Any, *path: Any) -> Dict[str, Any]:
    return with_mistake(GOOD, ("rpm", 0, *path), value)


def problems(document: object) -> str:
    with pytest.raises(BundleError) as caught:
        Bom.parse(document)
    return str(caught.value).partition("\n")[2]


def test_a_good_one() -> None:
    item = Bom.parse(GOOD).rpm[0]
    assert item.packages == ("nginx", "libstdc++", "glibc.i686", "python3-PyYAML-5.4.1")
    source = item.sources[0]
    assert source.baseurl == "https://rpm.example.com/9/BaseOS/x86_64/os"
    assert source.signed_by == ("/etc/pki/rpm-gpg/RPM-GPG-KEY-example",)
    assert source.repo_gpgcheck
    assert source.gpgcheck
    assert item.carry_indexes


def test_several_keys_and_one_signature_less_for_a_reason() -> None:
    for off in ("gpgcheck", "repo_gpgcheck"):
        source = {**SOURCE, "signed_by": ["/k", KEY], off: False, "reason": "the vendor does not sign it"}
        read = Bom.parse(changed(source, "sources", 0)).rpm[0].sources[0]
        assert read.signed_by == ("/k", KEY)
        assert not getattr(read, off)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("sources",), KeyError, "rpm[0].sources: is required."),
        (("sources",), [], "rpm[0].sources: name at least one of the sources."),
        (("packages",), [], "rpm[0].packages: name at least one of the packages."),
        (("packages",), ["@core"], "rpm[0].packages[0]: '@core' is not a package as dnf names it"),
        (("packages",), ["ngin*"], "rpm[0].packages[0]: 'ngin*' is not a package as dnf names it"),
        (("exclude",), ["a b"], "rpm[0].exclude[0]: 'a b' is not a package or a pattern as dnf's excludepkgs takes it."),
        (("modules",), ["postgresql"], "rpm[0].modules[0]: 'postgresql' is not a module with its stream"),
        (("release",), 9, "rpm[0].release: a text is expected here, not 9. Put 9 in quotes."),
        (("release",), "9/..", "rpm[0].release: '9/..' is not a release as $releasever has it"),
        (("architecture",), "X86", "rpm[0].architecture: 'X86' is not an architecture as $basearch has it."),
        (("carry_indexes",), "no", "rpm[0].carry_indexes: true or false is expected, not 'no'."),
        (("sources", 0), "https://rpm.example.com", "rpm[0].sources[0]: a dictionary with baseurl, signed_by"),
        (("sources", 0, "signed_by"), KeyError, "rpm[0].sources[0].signed_by: is required."),
        (("sources", 0, "signed_by"), [], "rpm[0].sources[0].signed_by: give the path of a public key"),
        (("sources", 0, "signed_by"), "", "rpm[0].sources[0].signed_by: give the path of a public key"),
        (("sources", 0, "baseurl"), 7, "rpm[0].sources[0].baseurl: a text is expected here, not 7."),
        (("sources", 0, "baseurl"), "https://me:pw@x.example.com", "the URL names a user or password"),
        (("sources", 0, "baseurl"), "rsync://x.example.com", "is neither an http, https or file URL"),
        (("sources", 0, "metalink"), "https://x.example.com", "rpm[0].sources[0].metalink: a list of mirrors is not followed"),
        (("sources", 0, "mirrorlist"), "https://x.example.com", "mirrorlist: a list of mirrors is not followed"),
        (("sources", 0, "gpgcheck"), "no", "rpm[0].sources[0].gpgcheck: true or false is expected, not 'no'."),
        (("sources", 0, "gpgcheck"), False, "rpm[0].sources[0].reason: say why gpgcheck is false, in words."),
        (("sources", 0, "repo_gpgcheck"), False, "rpm[0].sources[0].reason: say why repo_gpgcheck is false, in words."),
    ],
)  # fmt: skip
def test_mistakes(path: Tuple[Any, ...], value: Any, said: str) -> None:
    told = problems(changed(value, *path))
    assert said in told
    assert len(told.splitlines()) == 1


def test_an_item_is_a_dictionary() -> None:
    assert "rpm[0]: a dictionary with name, release" in problems({"name": "site", "rpm": ["nginx"]})


def test_something_has_to_vouch_for_the_packages() -> None:
    source = {**SOURCE, "gpgcheck": False, "repo_gpgcheck": False, "reason": "none"}
    assert "rpm[0].sources[0]: repo_gpgcheck and gpgcheck cannot both be false" in problems(
        changed(source, "sources", 0)
    )


def test_items_of_one_name_are_joined_if_they_mean_one_repository() -> None:
    more = changed(["postgresql"], "packages")
    more["rpm"][0].update(exclude=["mc"], modules=["php:8.1"], carry_indexes=False)
    item = Bom.parse([GOOD, more]).rpm
    assert len(item) == 1
    assert item[0].packages[-2:] == ("python3-PyYAML-5.4.1", "postgresql")
    assert (item[0].exclude, item[0].modules) == (("kernel*", "mc"), ("postgresql:15", "php:8.1"))
    assert item[0].carry_indexes
    assert "rpm: the name 'el-9' stands for different releases" in problems([GOOD, changed("8", "release")])
