# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What runs in the system's own Python, where dnf is: a question on standard input, an answer on standard output.

Its repositories are directories of this machine that hold verified metadata, so dnf has nowhere else to look. It knows nothing of this
machine's own packages, repositories, plugins and variables.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, Dict, List
from urllib.parse import quote

# Exit statuses besides 0: dnf understood the question and its answer is no; there is no dnf.
CANNOT, ABSENT = 3, 4


def configure(question: Dict[str, Any], dnf: Any) -> Any:
    """A dnf that sees an empty machine of the asked-for release and architecture."""
    conf = dnf.conf.Conf()
    base = question["directory"]
    for name in ("installroot", "cachedir", "persistdir", "logdir"):
        os.makedirs(os.path.join(base, name), exist_ok=True)
        setattr(conf, name, os.path.join(base, name))
    conf.arch = question["architecture"]
    conf.substitutions["releasever"] = question["release"]
    conf.module_platform_id = question["platform"]
    conf.reposdir, conf.varsdir, conf.pluginpath = [], [], []
    conf.plugins = conf.install_weak_deps = conf.deltarpm = False
    conf.best = conf.obsoletes = True
    conf.excludepkgs = question["exclude"]
    if hasattr(conf, "optional_metadata_types"):  # since dnf 4.19 lists of files are left out otherwise
        conf.optional_metadata_types = ["filelists"]
    return conf


def choose(question: Dict[str, Any], dnf: Any, libdnf: Any) -> List[Dict[str, Any]]:
    """The packages that an empty machine would get."""
    base = dnf.Base(configure(question, dnf))
    for cost, (name, path) in enumerate(question["repositories"]):  # of equal packages, the first repository's
        base.repos.add_new_repo(name, base.conf, baseurl=[f"file://{quote(path)}"], gpgcheck=False, cost=cost)
    base.fill_sack(load_system_repo=False)
    if question["modules"]:
        dnf.module.module_base.ModuleBase(base).enable(question["modules"])
    base.install_specs(question["packages"], strict=True)
    base.resolve()
    chosen = sorted(base.transaction.install_set)
    wanted = libdnf.transaction.TransactionItemReason_USER
    named = [item.pkg for item in base.transaction if item.reason == wanted and item.pkg in chosen]
    why = requirers(base, chosen, sorted(named))
    places = {package: position for position, package in enumerate(chosen)}
    return [tell(base, package, places.get(why[package], -1)) for package in chosen]


def requirers(base: Any, chosen: List[Any], named: List[Any]) -> Dict[Any, Any]:
    """The package that needs each one, found from those that were asked for onwards; none for these."""
    why = {package: None for package in named}
    among = base.sack.query().filterm(pkg=chosen)
    queue = list(named)
    for package in queue:
        for need in package.requires:
            # Few requirements are files, and looking for one takes long.
            files = among.filter(file=str(need)) if str(need).startswith("/") else ()
            for found in sorted({*among.filter(provides=need), *files}):
                if found not in why:
                    why[found] = package
                    queue.append(found)
    # What is left is there by a condition, such as "(fonts if desktop)".
    return {package: why.get(package, named[0]) for package in chosen}


def tell(base: Any, package: Any, why: int) -> Dict[str, Any]:
    """As JSON can carry it, with every checksum that its repository gives for this very version."""
    same = base.sack.query().filterm(
        name=package.name, epoch=package.epoch, version=package.version, release=package.release
    )
    twins = same.filterm(arch=package.arch, reponame=package.repoid)
    return {
        "repository": package.repoid,
        "name": package.name,
        "epoch": str(package.epoch),
        "version": package.version,
        "release": package.release,
        "architecture": package.arch,
        "checksums": sorted({twin.chksum[1].hex() if twin.chksum else "" for twin in twins}),
        "why": why,
    }


def main() -> int:
    try:
        import dnf
        import dnf.exceptions
        import dnf.module.module_base
        import libdnf
    except ImportError:
        return ABSENT
    try:
        answer = choose(json.load(sys.stdin), dnf, libdnf)
    except dnf.exceptions.Error as error:
        sys.stderr.write(str(error))
        return CANNOT
    json.dump(answer, sys.stdout)
    return 0
