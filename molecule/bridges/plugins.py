# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Lay out bundles with the names and the settings of the two bridges, and nothing in them that runs on the server."""

from __future__ import annotations

import configparser
import gzip
import hashlib
import io
import json
import sys
import tarfile
from pathlib import Path

# The settings' names, types and which are secret are those of the bridges' own plugin.json.
BRIDGES = {
    "matrix": {
        "id": "com.mattermost.plugin-matrix-bridge",
        "settings": {
            "matrix_server_url": {"type": "text", "default": ""},
            "matrix_server_name": {"type": "text", "default": ""},
            "matrix_as_token": {"type": "generated"},
            "matrix_hs_token": {"type": "generated"},
            "enable_sync": {"type": "bool", "default": False},
            "rate_limiting_mode": {"type": "dropdown", "default": "automatic"},
            "registration_download": {"type": "custom"},
            "homeserver_config": {"type": "custom"},
        },
    },
    "xmpp": {
        "id": "com.mattermost.bridge-xmpp",
        "settings": {
            "XMPPServerURL": {"type": "text"},
            "XMPPUsername": {"type": "text"},
            "XMPPPassword": {"type": "text", "secret": True},
            "EnableSync": {"type": "bool", "default": False},
            "XMPPUsernamePrefix": {"type": "text", "default": "xmpp"},
            "XMPPResource": {"type": "text", "default": "mattermost-bridge"},
        },
    },
}


def bundle(target: Path, bridge: dict) -> None:
    """A plugin whose web application is a comment."""
    settings = [{"key": key, "display_name": key, **rest} for key, rest in bridge["settings"].items()]
    manifest = {
        "id": bridge["id"],
        "name": "Rehearsal of a bridge",
        "version": "0.1.11",
        "webapp": {"bundle_path": "webapp/dist/main.js"},
        "settings_schema": {"settings": settings},
    }
    with gzip.GzipFile(target, mode="wb", mtime=0) as zipped, tarfile.open(fileobj=zipped, mode="w") as new:
        for name, text in (("plugin.json", json.dumps(manifest)), ("webapp/dist/main.js", "// nothing\n")):
            member = tarfile.TarInfo(f"{bridge['id']}/{name}")
            member.size = len(text)
            new.addfile(member, io.BytesIO(text.encode()))


def main() -> None:
    """Write the bundles into the given directory, and what they are into bridges.ini."""
    output, index = Path(sys.argv[1]), configparser.ConfigParser()
    for name, bridge in BRIDGES.items():
        target = output / f"{bridge['id']}-0.1.11.tar.gz"
        bundle(target, bridge)
        index[name] = {"file": target.name, "sha256": hashlib.sha256(target.read_bytes()).hexdigest()}
    with (output / "bridges.ini").open("w", encoding="utf-8") as file:
        index.write(file)


if __name__ == "__main__":
    main()
