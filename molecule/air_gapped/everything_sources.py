# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Makes what upstreams of other kinds than apt would offer: a wheel, a collection, an image, a file; and the bill of materials that names them.

everything_sources.py OUTPUT: run on the control node; the builder sees OUTPUT as /srv/releases/everything.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

THERE = "/srv/releases/everything"
WHEEL = "jmespath==1.0.1"
REGISTRY = "registry.example.mil:5000"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def wheel(output: Path) -> str:
    """As a requirement that names the very file."""
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(output), WHEEL], check=True
    )
    found = next(output.glob("*.whl"))
    return f"{WHEEL.split('=', maxsplit=1)[0]} @ file://{THERE}/{found.name} --hash=sha256:{sha256(found.read_bytes())}"


def collection(output: Path) -> dict[str, str]:
    """A small one without dependencies: no Galaxy server takes part."""
    source = output / "collection"
    source.mkdir()
    about = {"namespace": "example", "name": "field_tools", "version": "1.0.0", "authors": ["The rehearsal"]}
    (source / "galaxy.yml").write_text(json.dumps({**about, "readme": "README.md", "license": ["GPL-3.0-or-later"]}))
    (source / "README.md").write_text("Tools for the field.\n")
    subprocess.run(
        ["ansible-galaxy", "collection", "build", "--output-path", str(output), str(source)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    found = next(output.glob("*.tar.gz"))
    return {
        "name": "example.field_tools",
        "source": f"{THERE}/{found.name}",
        "sha256": sha256(found.read_bytes()),
    }


def image(output: Path) -> None:
    """An image of one layer with one file, as an OCI layout."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        entry = tarfile.TarInfo("etc/motd")
        text = b"carried across the gap\n"
        entry.size = len(text)
        archive.addfile(entry, io.BytesIO(text))
    layer = gzip.compress(packed.getvalue(), mtime=0)
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{sha256(packed.getvalue())}"]},
    }
    blobs = output / "image/blobs/sha256"
    blobs.mkdir(parents=True)

    def put(data: bytes, media_type: str) -> dict[str, Any]:
        (blobs / sha256(data)).write_bytes(data)
        return {"mediaType": media_type, "digest": f"sha256:{sha256(data)}", "size": len(data)}

    kind = "application/vnd.oci.image"
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{kind}.manifest.v1+json",
        "config": put(json.dumps(config).encode(), f"{kind}.config.v1+json"),
        "layers": [put(layer, f"{kind}.layer.v1.tar+gzip")],
    }
    entry = put(json.dumps(manifest).encode(), f"{kind}.manifest.v1+json")
    entry["annotations"] = {"org.opencontainers.image.ref.name": "portal"}
    (output / "image/index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    (output / "image/oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')


def file(output: Path) -> dict[str, str]:
    """A page for people."""
    page = output / "field-guide.md"
    page.write_text("# Field guide\n\nWhat to do when the link is down.\n")
    return {
        "name": "field-guide",
        "url": f"{THERE}/{page.name}",
        "sha256": sha256(page.read_bytes()),
        "destination": "docs/field-guide.md",
    }


def main() -> None:
    output = Path(sys.argv[1])
    output.mkdir(parents=True)
    image(output)
    bom = {
        "name": "everything",
        # What the isolated hosts need to try the rest, in the repository they have anyway.
        "apt": [
            {
                "name": "debian-12",
                "release": "bookworm",
                "architecture": "amd64",
                "sources": "host",
                "packages": ["docker-registry", "skopeo", "dnf", "rpm", "python3-venv"],
            }
        ],
        "rpm": [
            {
                "name": "rocky-9",
                "release": "9",
                "architecture": "x86_64",
                "packages": ["field-notes"],
                "sources": [{"baseurl": "file:///srv/everything/yum", "signed_by": "/srv/everything/vendor.asc"}],
            }
        ],
        "images": [
            {
                "name": f"{REGISTRY}/tools/portal:1.0",
                "unverified": {"reason": "the image of this rehearsal is signed by nobody"},
            }
        ],
        "wheels": [
            {
                "name": "tools",
                "python": "3.11",
                "packages": [wheel(output)],
                "platforms": ["manylinux_2_36_x86_64"],
            }
        ],
        "collections": [collection(output)],
        "files": [file(output)],
    }
    (output / "bom.yml").write_text(json.dumps(bom, indent=1))


if __name__ == "__main__":
    main()
