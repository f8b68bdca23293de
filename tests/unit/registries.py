# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Container registries for the tests of the air-gap engine: Debian's docker-registry for real, and images made of bytes."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
import time
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

USER, PASSWORD = "robot", "s3cret-of-the-robot"
# htpasswd -Bbn robot s3cret-of-the-robot
HTPASSWD = "robot:$2y$05$us/mZtjrYuTF4jojJkl9fes2/35gGteOiDpPTeglx1GMhTW7g2t2e"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def descriptor(data: bytes, media_type: str, **more: Any) -> Dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(data), "size": len(data), **more}


class Image:
    """A manifest with its configuration and layers."""

    def __init__(
        self, *layers: bytes, platform: str = "linux/amd64", docker: bool = False, config: Any = None, **more: Any
    ) -> None:
        system, architecture, *variant = platform.split("/")
        told = {"os": system, "architecture": architecture, **({"variant": variant[0]} if variant else {})}
        self.platform = told
        plain = {**told, "rootfs": {"type": "layers", "diff_ids": []}}
        self.config = json.dumps(plain if config is None else {**plain, "config": config}).encode()
        self.layers = layers or (b"a layer of its own " + os.urandom(8),)
        self.blobs = [self.config, *self.layers]
        self.media_type = DOCKER_MANIFEST if docker else OCI_MANIFEST
        document = {
            "schemaVersion": 2,
            "mediaType": self.media_type,
            "config": descriptor(self.config, DOCKER_CONFIG if docker else OCI_CONFIG),
            "layers": [descriptor(layer, DOCKER_LAYER if docker else OCI_LAYER) for layer in self.layers],
            **more,
        }
        self.data = json.dumps({key: value for key, value in document.items() if value is not None}).encode()
        self.digest = digest_of(self.data)

    def describe(self, **more: Any) -> Dict[str, Any]:
        return descriptor(
            self.data, self.media_type, **({"platform": self.platform} if "annotations" not in more else {}), **more
        )


def index(*rows: Dict[str, Any], docker: bool = False) -> bytes:
    media_type = DOCKER_LIST if docker else OCI_INDEX
    return json.dumps({"schemaVersion": 2, "mediaType": media_type, "manifests": list(rows)}).encode()


class Authority:
    """A certificate authority of the tests, and a server certificate by it for 127.0.0.1."""

    def __init__(self, top: Path) -> None:
        top.mkdir(parents=True, exist_ok=True)
        self.ca, self.key, self.certificate = top / "ca.pem", top / "server.key", top / "server.pem"
        ca_key, request, extension = top / "ca.key", top / "server.csr", top / "server.ext"
        # Python 3.13 wants what RFC 5280 asks for.
        extension.write_text(
            "subjectAltName = IP:127.0.0.1, DNS:localhost\nbasicConstraints = critical, CA:FALSE\n"
            "keyUsage = critical, digitalSignature\nextendedKeyUsage = serverAuth\n"
            "subjectKeyIdentifier = hash\nauthorityKeyIdentifier = keyid\n"
        )
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        usage = ["-addext", "keyUsage = critical, keyCertSign, cRLSign"]
        own = ["-subj", "/CN=Test CA", "-days", "30", "-keyout", ca_key, "-out", self.ca]
        self._openssl("req", "-x509", *curve, *usage, *own)
        self._openssl("req", *curve, "-subj", "/CN=registry", "-keyout", self.key, "-out", request)
        signing = ["-CA", self.ca, "-CAkey", ca_key, "-CAcreateserial", "-days", "30", "-extfile", extension]
        self._openssl("x509", "-req", "-in", request, *signing, "-out", self.certificate)

    @staticmethod
    def _openssl(*argv: Any) -> None:
        subprocess.run(["openssl", *map(str, argv)], check=True, capture_output=True)

    def context(self) -> ssl.SSLContext:
        """For a server of the tests."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class DockerRegistry:
    """Debian's docker-registry on a free port, with a password and TLS where an authority is given."""

    def __init__(self, top: Path, authority: Optional[Authority] = None) -> None:
        top.mkdir(parents=True)
        self.port = free_port()
        self.authority = authority
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"{'https' if authority else 'http'}://{self.host}"
        settings: Dict[str, Any] = {
            "version": 0.1,
            "log": {"level": "error", "accesslog": {"disabled": True}},
            "storage": {"filesystem": {"rootdirectory": str(top / "data")}, "delete": {"enabled": True}},
            "http": {"addr": self.host},
        }
        if authority is not None:
            settings["http"]["tls"] = {"certificate": str(authority.certificate), "key": str(authority.key)}
            (top / "htpasswd").write_text(HTPASSWD + "\n")
            settings["auth"] = {"htpasswd": {"realm": "tests", "path": str(top / "htpasswd")}}
        (top / "config.yml").write_text(json.dumps(settings))
        self.log = open(top / "log", "wb")  # noqa: SIM115 - it is closed in stop()
        argv = [shutil.which("docker-registry") or "docker-registry", "serve", str(top / "config.yml")]
        self.process = subprocess.Popen(argv, stdout=self.log, stderr=self.log, env={"PATH": os.environ["PATH"]})
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.05)
        raise AssertionError(f"docker-registry did not start: {Path(self.log.name).read_text()}")

    def stop(self) -> None:
        """May be called again."""
        self.process.terminate()
        self.process.wait(10)
        self.log.close()

    @property
    def credentials(self) -> List[Dict[str, str]]:
        if self.authority is None:
            return []
        return [{"url": self.url, "username": USER, "password": PASSWORD, "ca_certificates": str(self.authority.ca)}]

    def call(self, method: str, path: str, body: bytes = b"", **headers: str) -> Tuple[int, Dict[str, str], bytes]:
        """As an independent client would: with nothing of the engine."""
        if self.authority is not None:
            context = ssl.create_default_context(cafile=str(self.authority.ca))
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(self.host, context=context)
            pair = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
            headers = {"Authorization": f"Basic {pair}", **headers}
        else:
            connection = http.client.HTTPConnection(self.host)
        with contextlib.closing(connection):
            connection.request(method, path, body, {key.replace("_", "-"): value for key, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, {key.lower(): value for key, value in answer.headers.items()}, answer.read()

    def seed_blob(self, repository: str, data: bytes) -> None:
        status, headers, _body = self.call("POST", f"/v2/{repository}/blobs/uploads/")
        assert status == 202
        path = headers["location"].split(self.host, 1)[-1]
        status, _headers, body = self.call("PUT", f"{path}&digest={digest_of(data)}", data)
        assert status == 201, body

    def seed(self, repository: str, target: str, image: Image) -> None:
        for blob in image.blobs:
            self.seed_blob(repository, blob)
        self.seed_manifest(repository, target, image.data, image.media_type)

    def seed_manifest(self, repository: str, target: str, data: bytes, media_type: str) -> None:
        status, _headers, body = self.call("PUT", f"/v2/{repository}/manifests/{target}", data, Content_Type=media_type)
        assert status == 201, body

    def manifest(self, repository: str, target: str) -> Tuple[int, str, bytes]:
        """Status, digest and content of what a tag stands for."""
        kinds = ", ".join((OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST))
        status, headers, body = self.call("GET", f"/v2/{repository}/manifests/{target}", Accept=kinds)
        return status, headers.get("docker-content-digest", ""), body

    def tags(self, repository: str) -> List[str]:
        status, _headers, body = self.call("GET", f"/v2/{repository}/tags/list")
        return sorted(json.loads(body).get("tags") or []) if status == 200 else []

    def has_blob(self, repository: str, data: bytes) -> bool:
        return self.call("HEAD", f"/v2/{repository}/blobs/{digest_of(data)}")[0] == 200


class Cosign:
    """A key, and signatures as cosign makes them."""

    def __init__(self, top: Path) -> None:
        top.mkdir(parents=True, exist_ok=True)
        self.private, self.public = top / "cosign.key", top / "cosign.pub"
        for argv in (
            ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", self.private],
            ["ec", "-in", self.private, "-pubout", "-out", self.public],
        ):
            subprocess.run(["openssl", *map(str, argv)], check=True, capture_output=True)

    def sign(
        self, digest: str, *, about: Optional[str] = None, kind: str = "cosign container image signature"
    ) -> Image:
        """The image that lies under the tag sha256-….sig."""
        identity = {"docker-reference": "registry.example.com/x"}
        critical = {"identity": identity, "image": {"docker-manifest-digest": about or digest}, "type": kind}
        payload = json.dumps({"critical": critical, "optional": None}).encode()
        argv = ["openssl", "dgst", "-sha256", "-sign", str(self.private)]
        signature = subprocess.run(argv, input=payload, check=True, capture_output=True).stdout
        image = Image(payload)
        row = descriptor(
            payload,
            "application/vnd.dev.cosign.simplesigning.v1+json",
            annotations={"dev.cosignproject.cosign/signature": base64.b64encode(signature).decode()},
        )
        return with_layers(image, [row])


def with_layers(image: Image, rows: Sequence[Dict[str, Any]]) -> Image:
    """The same image with other descriptions of its layers."""
    document = {**json.loads(image.data), "layers": list(rows)}
    image.data = json.dumps(document).encode()
    image.digest = digest_of(image.data)
    return image
