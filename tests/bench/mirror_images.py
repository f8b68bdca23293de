# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The second part of the mirror benchmark: container images beside skopeo, and verification beside sha256sum."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

from measure import Cost, measured
from serving import free_port, serving

HERE = Path(__file__).resolve().parent
MB = 1 << 20
# Three images that share a base and a runtime: sizes of their layers in MB.
IMAGES = {"base": [90], "app": [90, 25, 60], "other": [90, 25, 82]}
VERIFIED_MB = 2000


def _layer(size: int, seed: str) -> bytes:
    """Data that does not compress, in a gzip frame, as layers are."""
    return gzip.compress(random.Random(seed).randbytes(size * MB), 1, mtime=0)


def build_images(work: Path) -> Path:
    """OCI layouts, one for each image."""
    top = work / "images"
    if top.exists():
        return top
    kind = "application/vnd.oci.image"
    for name, sizes in IMAGES.items():
        blobs = top / name / "blobs/sha256"
        blobs.mkdir(parents=True)

        def put(data: bytes, media_type: str, blobs: Path = blobs) -> Dict[str, Any]:
            digest = hashlib.sha256(data).hexdigest()
            (blobs / digest).write_bytes(data)
            return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}

        seeds = ["base", "runtime", name][: len(sizes)]
        packed = [_layer(size, seed) for size, seed in zip(sizes, seeds)]
        diffs = [f"sha256:{hashlib.sha256(gzip.decompress(layer)).hexdigest()}" for layer in packed]
        config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": diffs}}
        manifest = {
            "schemaVersion": 2,
            "mediaType": f"{kind}.manifest.v1+json",
            "config": put(json.dumps(config).encode(), f"{kind}.config.v1+json"),
            "layers": [put(layer, f"{kind}.layer.v1.tar+gzip") for layer in packed],
        }
        entry = put(json.dumps(manifest).encode(), f"{kind}.manifest.v1+json")
        entry["annotations"] = {"org.opencontainers.image.ref.name": name}
        (top / name / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
        (top / name / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return top


@contextmanager
def registry(work: Path) -> Iterator[str]:
    """Debian's docker-registry on loopback, with the images in it."""
    address = f"127.0.0.1:{free_port()}"
    config = {
        "version": 0.1,
        "log": {"level": "fatal", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(work / "registry")}},
        "http": {"addr": address},
    }
    (work / "registry.yml").write_text(json.dumps(config))
    with serving(["docker-registry", "serve", str(work / "registry.yml")], f"http://{address}/v2/"):
        yield address


def compare_images(work: Path, home: Path, runs: int) -> Dict[str, Dict[str, List[Cost]]]:
    """Cold and unchanged, with this engine and with skopeo into one OCI layout."""
    layouts = build_images(work)
    logs = work / "logs"
    logs.mkdir(exist_ok=True)
    found: Dict[str, Dict[str, List[Cost]]] = {}
    with registry(work) as address:
        for name in IMAGES:
            push = ["skopeo", "copy", "--quiet", "--dest-tls-verify=false", f"oci:{layouts / name}:{name}"]
            subprocess.run([*push, f"docker://{address}/bench/{name}:1"], check=True)
        reason = {"reason": "a benchmark on loopback"}
        rows = [{"name": f"{address}/bench/{name}:1", "unverified": reason, "plain_http": reason} for name in IMAGES]
        engine, skopeo = work / "tools/images-engine", work / "tools/images-skopeo"
        copy = "\n".join(
            f"skopeo copy --quiet --src-tls-verify=false docker://{address}/bench/{name}:1 oci:{skopeo}/layout:{name}"
            for name in IMAGES
        )
        commands = {
            "fieldops.mattermost": f"{sys.executable} {HERE}/mirror_engine.py {engine} {home}",
            "skopeo copy": copy,
        }
        for _number in range(runs):
            for folder in (engine, skopeo):
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir(parents=True)
            (engine / "bom.json").write_text(json.dumps({"name": "bench", "images": rows}))
            for tool, command in commands.items():
                for case in ("cold", "unchanged"):
                    cost = measured(command, logs / f"images-{tool.split()[0]}-{case}.log")
                    found.setdefault(tool, {}).setdefault(case, []).append(cost)
    return found


def compare_verification(work: Path, home: Path, runs: int) -> Dict[str, List[Cost]]:
    """A volume of 2 GB: by this engine, by sha256sum, and the mere hashing of the same files by two threads."""
    folder = work / "tools/verify"
    if not (folder / "bundles").exists():
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "data").mkdir(parents=True)
        files = []
        for number in range(VERIFIED_MB // 20):
            path = folder / f"data/{number}"
            path.write_bytes(os.urandom(20 * MB))
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            files.append(
                {"name": f"file-{number}", "url": str(path), "sha256": digest, "destination": f"bench/{number}"}
            )
        (folder / "bom.json").write_text(json.dumps({"name": "bench", "files": files}))
        measured(f"{sys.executable} {HERE}/mirror_engine.py {folder} {home}", work / "logs/verify-pack.log")
    volume = folder / "bundles/bench/volume-001"
    objects = sorted(path for path in (volume / "objects/sha256").glob("*/*") if path.is_file())
    (folder / "sums").write_text("".join(f"{path.name}  {path}\n" for path in objects))
    script = f"{sys.executable} {HERE}/mirror_verify.py"
    commands = {
        "fieldops.mattermost": f"{script} volume {volume} {folder}/bundles/bundle-key.asc",
        "hashlib, two threads": f"{script} hash {volume}",
        "sha256sum": f"sha256sum --check --quiet {folder}/sums",
    }
    return {
        name: [measured(command, work / f"logs/verify-{name.split()[0].strip(',')}.log") for _number in range(runs)]
        for name, command in commands.items()
    }


def middle(costs: List[Cost]) -> Cost:
    return sorted(costs, key=lambda cost: cost.seconds)[len(costs) // 2]


def told(images: Dict[str, Dict[str, List[Cost]]], verified: Dict[str, List[Cost]]) -> List[str]:
    """The ratios as lines."""
    lines = []
    for case in ("cold", "unchanged"):
        ours, theirs = (middle(images[tool][case]) for tool in ("fieldops.mattermost", "skopeo copy"))
        lines.append(
            f"images, {case:<10} {ours.seconds:6.2f} s, skopeo copy {theirs.seconds:6.2f} s: {theirs.seconds / ours.seconds:5.1f} x the time, "
            f"{theirs.cpu_seconds / ours.cpu_seconds:5.1f} x the CPU"
        )
    speeds: List[Tuple[str, float]] = [
        (name, VERIFIED_MB / 1000 / middle(costs).seconds) for name, costs in verified.items()
    ]
    raw = dict(speeds)["hashlib, two threads"]
    lines += [
        f"verification, {name:<22} {speed:5.2f} GB/s, {speed / raw:5.0%} of mere hashing" for name, speed in speeds
    ]
    return lines
