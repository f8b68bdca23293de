# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Unpack the collections we stand on out of the PyPI package `ansible`: python3 fetch_collections.py DIRECTORY"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

# The newest that carries collections for each controller Python.
PACKAGE = "ansible==12.3.0" if sys.version_info < (3, 12) else "ansible==14.5.0"
WANTED = ("ansible/posix", "community/crypto", "community/general", "community/postgresql", "containers/podman")


def main() -> None:
    """Download the wheel and unpack what is wanted."""
    target = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as scratch:
        pip = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "-d",
            scratch,
            PACKAGE,
        ]
        subprocess.run(pip, check=True)
        with zipfile.ZipFile(next(Path(scratch).glob("ansible-*.whl"))) as wheel:
            for name in wheel.namelist():
                if name.startswith(tuple(f"ansible_collections/{collection}/" for collection in WANTED)):
                    wheel.extract(name, target)


if __name__ == "__main__":
    main()
