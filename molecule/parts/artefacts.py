# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Lay out what the optional parts are made of: media programs, sound and broken, plugins, and the authority of the partner.

Plugins have the names and settings of the real ones and nothing in them that runs on the server. Those that a release brings are laid
out as well, for the stand-in of one.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).resolve().parent
# What releases bring, and what operators do.
PREPACKAGED = ("com.mattermost.calls", "mattermost-ai", "playbooks", "focalboard")
BROUGHT = {
    "legal_hold": "com.mattermost.plugin-legal-hold",
    "translation": "mattermost-channel-translations",
    "m365": "com.mattermost.ms-embedded",
    "rehearsal": "mil.example.rehearsal",
}
PROGRAMS = {"rtcd": ("rtcd", "1.2.6"), "offloader": ("calls-offloader", "0.9.5"), "push_proxy": ("push-proxy", "6.5.0")}
BROKEN = {"broken_rtcd": ("rtcd", "1.2.7")}


def load(path: Path) -> ModuleType:
    """A script of another folder as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def described(path: Path, **more: str) -> dict[str, str]:
    return {"source": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), **more}


def plugins(output: Path) -> dict[str, dict[str, str]]:
    """Those that operators bring; those that releases do go into a folder of their own."""
    bridges, found = load(HERE.parent / "bridges/plugins.py"), {}
    (output / "prepackaged").mkdir(exist_ok=True)
    for name in PREPACKAGED:
        bridges.bundle(output / f"prepackaged/{name}.tar.gz", {"id": name, "settings": {}})
    wanted = {name: {"id": plugin, "settings": {}} for name, plugin in BROUGHT.items()} | bridges.BRIDGES
    for name, plugin in wanted.items():
        target = output / f"{plugin['id']}.tar.gz"
        bridges.bundle(target, plugin)
        found[name] = described(target)
    return found


def main() -> None:
    """Write everything, and artefacts.json, which says what is where."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    output: Path = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    found, media = plugins(output), load(HERE.parents[1] / "tests/standin/build_media.py")
    for name, (component, version) in (PROGRAMS | BROKEN).items():
        built = media.build(component, version, output / name, broken=name in BROKEN)
        found[name] = described(built, version=version)
    found["rehearsal"]["name"] = "rehearsal"
    authority = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    authority += ["-subj", "/CN=Bravo", "-keyout", output / "bravo-ca.key", "-out", output / "bravo-ca.pem"]
    subprocess.run(authority, check=True, capture_output=True)
    (output / "artefacts.json").write_text(json.dumps(found, indent=2), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
