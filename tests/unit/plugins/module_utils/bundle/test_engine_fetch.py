# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetching from servers that break, lie, move and come back."""

from __future__ import annotations

import http.client
import ssl
import subprocess
from pathlib import Path
from typing import List

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.fetch import Client
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.fsutil import sha256_bytes
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.transport import Transport
from ansible_collections.fieldops.mattermost.tests.unit.upstream import WebServer

DATA = bytes(range(256)) * 8000
SHA = sha256_bytes(DATA)


@pytest.fixture
def client(pauses: List[float]) -> Client:
    return Client(attempts=3, sleep=pauses.append)


@pytest.fixture
def url(web: WebServer) -> str:
    web.root.mkdir(parents=True, exist_ok=True)
    (web.root / "file").write_bytes(DATA)
    return f"{web.url}/file"


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / "parts/x.part"


def ranges(web: WebServer) -> List[str]:
    return [headers.get("Range", "-") for _method, _path, headers in web.requests]


def test_plain(client: Client, url: str, part: Path, web: WebServer) -> None:
    told: List[int] = []
    fetched = client.download(url, str(part), sha256=SHA, size=len(DATA), tell=told.append)
    assert (fetched.sha256, fetched.size, fetched.resumed) == (SHA, len(DATA), False)
    assert part.read_bytes() == DATA
    assert told[-1] == len(DATA)
    assert ranges(web) == ["-"]


def test_a_cut_connection_is_continued(
    client: Client, url: str, part: Path, web: WebServer, pauses: List[float]
) -> None:
    web.plan("/file", "cut")
    assert client.download(url, str(part), sha256=SHA, size=len(DATA)).resumed
    assert part.read_bytes() == DATA
    assert ranges(web) == ["-", f"bytes={len(DATA) // 2}-"]
    assert pauses == [0.5]


def test_a_part_of_a_killed_run_is_continued(client: Client, url: str, part: Path, web: WebServer) -> None:
    part.parent.mkdir()
    part.write_bytes(DATA[:1000])
    assert client.download(url, str(part), sha256=SHA, size=len(DATA)).size == len(DATA)
    assert ranges(web) == ["bytes=1000-"]


def test_a_whole_part_is_not_fetched_again(client: Client, url: str, part: Path, web: WebServer) -> None:
    part.parent.mkdir()
    part.write_bytes(DATA)
    assert client.download(url, str(part), sha256=SHA, size=len(DATA)).resumed
    assert ranges(web) == []


def test_a_damaged_part_costs_one_fresh_start(client: Client, url: str, part: Path, web: WebServer) -> None:
    part.parent.mkdir()
    part.write_bytes(b"rot" + DATA[3:1000])
    assert not client.download(url, str(part), sha256=SHA, size=len(DATA)).resumed
    assert part.read_bytes() == DATA
    assert ranges(web) == ["bytes=1000-", "-"]


@pytest.mark.parametrize("fault", ["no range", "odd range"])
def test_servers_that_know_no_ranges(client: Client, url: str, part: Path, web: WebServer, fault: str) -> None:
    part.parent.mkdir()
    part.write_bytes(DATA[:1000])
    web.plan("/file", fault)
    assert not client.download(url, str(part), sha256=SHA, size=len(DATA)).resumed
    assert part.read_bytes() == DATA


def test_a_part_that_is_too_long(client: Client, url: str, part: Path, web: WebServer) -> None:
    part.parent.mkdir()
    part.write_bytes(DATA + b"more")
    assert client.download(url, str(part), sha256=SHA, size=len(DATA)).size == len(DATA)
    assert ranges(web) == [f"bytes={len(DATA) + 4}-", "-"]


def test_errors_that_pass(client: Client, url: str, part: Path, web: WebServer, pauses: List[float]) -> None:
    web.plan("/file", 500, 503)
    assert client.download(url, str(part), sha256=SHA).sha256 == SHA
    assert pauses == [0.5, 1.0]


def test_errors_that_stay(client: Client, url: str, part: Path, web: WebServer) -> None:
    web.plan("/file", 500, 502, 503)
    with pytest.raises(BundleError, match=r"/file: the server answered HTTP 503 .* Gave up after 3 attempts\.$"):
        client.download(url, str(part), sha256=SHA)
    web.plan("/file", 404)
    with pytest.raises(BundleError, match=r"Cannot fetch .*/file: the server answered HTTP 404"):
        client.download(url, str(part), sha256=SHA)
    web.plan("/file", 404)
    assert client.get(url, missing_ok=True).status == 404


def test_another_content_is_refused(client: Client, url: str, part: Path, web: WebServer) -> None:
    web.plan("/file", "changed")
    with pytest.raises(
        BundleError, match=r"is not what was promised: it has 2048000 bytes with sha256 .*make the lock again"
    ):
        client.download(url, str(part), sha256=SHA, size=len(DATA))
    assert not part.exists()


def test_a_server_that_always_breaks_and_has_another_content(
    client: Client, url: str, part: Path, web: WebServer
) -> None:
    """Each try is continued, and none could tell by that whether what it began with was to blame."""
    web.plan("/file", *["cut", None] * 5)
    with pytest.raises(BundleError, match=r"is not what was promised"):
        client.download(url, str(part), sha256=sha256_bytes(b"other"), size=len(DATA))
    assert ranges(web) == ["-", f"bytes={len(DATA) // 2}-"] * 2
    assert not part.exists()


def test_a_server_that_never_ends_is_left(client: Client, url: str, part: Path, web: WebServer) -> None:
    web.plan("/file", "endless")
    with pytest.raises(BundleError, match=r"is not what was promised"):
        client.download(url, str(part), sha256=SHA, size=len(DATA))
    web.plan("/file", "endless")
    with pytest.raises(BundleError, match=r"is larger than the 1000 bytes"):
        client.get(url, limit=1000)


def test_a_disk_that_takes_a_part_of_the_last_bytes(
    client: Client, url: str, tmp_path: Path, pauses: List[float]
) -> None:
    """The system says so only to who asks how much it took: a hash of what came would pass for that of the file."""
    place = tmp_path / "small"
    place.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={len(DATA) // 4096 * 4096 - 4096}"]
    if subprocess.run(["mount", *options, "tmpfs", str(place)], check=False, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        for source in (url, str(tmp_path / "other")):
            (tmp_path / "other").write_bytes(DATA)
            with pytest.raises(BundleError, match=r"There is no room for .*x.part: .*Make room, then run again"):
                client.download(source, str(place / "x.part"), sha256=SHA, size=len(DATA))
            assert not list(place.iterdir())
    finally:
        subprocess.run(["umount", str(place)], check=True)
    assert pauses == []  # a full disk is not what passes by itself


def test_nobody_answers(client: Client, part: Path) -> None:
    with pytest.raises(BundleError, match=r"Connection refused. Gave up after 3 attempts"):
        client.download("http://127.0.0.1:9/x", str(part), sha256=SHA)


def test_an_answer_without_length(client: Client, url: str, part: Path, web: WebServer) -> None:
    web.plan("/file", "no length", "no length")
    assert client.download(url, str(part)).sha256 == SHA
    assert client.head(url)[0] is None
    web.plan("/file", (200, {"Content-Length": "\xb2"}))
    assert client.head(url) == (None, {})
    web.plan("/file", 405)
    assert client.head(url) == (None, {})
    assert client.head(url)[0] == len(DATA)


def test_asking_whether_it_is_still_the_same(client: Client, url: str, web: WebServer) -> None:
    first = client.get(url)
    assert (first.status, first.body) == (200, DATA)
    assert set(first.validators) == {"etag", "last_modified"}
    again = client.get(url, known={**first.validators, "sha256": SHA})
    assert (again.status, again.body) == (304, b"")
    web.plan("/file", "cut")
    assert client.get(url).body == DATA


def test_redirections(client: Client, url: str, web: WebServer) -> None:
    web.plan("/moved", (302, {"Location": "/file"}))
    assert client.get(f"{web.url}/moved").body == DATA
    web.plan("/moved", *[(301, {"Location": "/moved"})] * 6)
    with pytest.raises(BundleError, match=r"redirects more than 5 times"):
        client.get(f"{web.url}/moved")
    web.plan("/moved", (302, {"Location": "file:///etc/passwd"}))
    with pytest.raises(BundleError, match=r"it redirects to 'file:///etc/passwd', which is not followed"):
        client.get(f"{web.url}/moved")
    web.plan("/moved", (302, {"Location": "http://me:pass@127.0.0.1/"}))
    with pytest.raises(BundleError, match=r"names a user or password"):
        client.get(f"{web.url}/moved")


@pytest.mark.parametrize(
    ("there", "said"),
    [
        ("http://[", r"^Cannot follow the redirection of .*/moved: 'http://\[' is not a URL: Invalid IPv6 URL\.$"),
        ("http://a..b/x", r"^Cannot fetch http://a\.\.b/x: it is not a URL to ask for \(.*\)\.$"),
        ("/file?\xfc", r"^Cannot fetch .*/file: it is not a URL to ask for \(.*\)\.$"),
    ],
)
def test_redirections_to_what_is_no_url(client: Client, url: str, web: WebServer, there: str, said: str) -> None:
    web.plan("/moved", (302, {"Location": there}))
    with pytest.raises(BundleError, match=said):
        client.get(f"{web.url}/moved")
    assert client.get(url).body == DATA, "the connection is of use afterwards"


def test_https_is_never_left(monkeypatch: pytest.MonkeyPatch) -> None:
    class Answer:
        status = 302
        headers = {"Location": "http://example.com/"}

        def read(self, limit: int) -> bytes:
            return b""

    transport = Transport()
    monkeypatch.setattr(transport, "_send", lambda *args: Answer())
    with pytest.raises(BundleError, match=r"it redirects to 'http://example.com/', which is not followed"):
        transport.ask("GET", "https://example.com/", {})


def test_a_certificate_that_is_not_trusted(
    client: Client, monkeypatch: pytest.MonkeyPatch, pauses: List[float]
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        error = ssl.SSLCertVerificationError("no")
        error.verify_message = "self-signed certificate"
        raise error

    monkeypatch.setattr(client.transport, "ask", refuse)
    with pytest.raises(BundleError, match=r"its certificate is not trusted \(self-signed certificate\)"):
        client.get("https://example.com/")
    assert pauses == []


def test_files_of_this_machine(client: Client, tmp_path: Path, part: Path) -> None:
    (tmp_path / "a file").write_bytes(DATA)
    for url in (f"file://{tmp_path}/a%20file", str(tmp_path / "a file")):
        assert client.get(url).body == DATA
        assert client.head(url)[0] == len(DATA)
        assert client.head(url)[1]["mtime_ns"]
        assert client.download(url, str(part), sha256=SHA, size=len(DATA)).sha256 == SHA
    with pytest.raises(BundleError, match=r"is not what was promised"):
        client.download(str(tmp_path / "a file"), str(part), sha256="0" * 64)
    assert client.get(str(tmp_path / "none"), missing_ok=True).status == 404
    with pytest.raises(BundleError, match=r"No such file"):
        client.get(str(tmp_path / "none"))


def test_proxies_of_the_environment(monkeypatch: pytest.MonkeyPatch, web: WebServer, url: str) -> None:
    monkeypatch.setenv("http_proxy", web.url.replace("http://", "http://me:p%40ss@"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert Client().get(url).body == DATA
    monkeypatch.setenv("no_proxy", "")
    client = Client()
    (web.root / "http:/elsewhere.example").mkdir(parents=True)
    (web.root / "http:/elsewhere.example/x").write_bytes(b"by proxy")
    assert client.get("http://elsewhere.example/x?q=1", missing_ok=True).status == 404
    _method, path, headers = web.requests[-1]
    assert path == "http://elsewhere.example/x?q=1"
    assert headers["Proxy-Authorization"] == "Basic bWU6cEBzcw=="


def test_https_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "proxy.example:3128")
    tunnels: List[tuple] = []
    monkeypatch.setattr(
        http.client.HTTPSConnection, "set_tunnel", lambda self, *args, **kwargs: tunnels.append((self.host, *args))
    )
    monkeypatch.setattr(http.client.HTTPSConnection, "request", lambda *args, **kwargs: None)
    monkeypatch.setattr(http.client.HTTPSConnection, "getresponse", lambda self: type("Answer", (), {"status": 200})())
    transport = Transport()
    transport.ask("GET", "https://example.com/x", {})
    assert tunnels == [("proxy.example", "example.com", None)]
    monkeypatch.delenv("https_proxy")
    Transport().ask("GET", "https://example.com/x", {})
    assert len(tunnels) == 1
