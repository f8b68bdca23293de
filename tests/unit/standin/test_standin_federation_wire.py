# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What crosses between servers, held to what the Go code of a real server writes and reads."""

from __future__ import annotations

import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from federation_sites import PASSWORD, connect, link, new_channel, peer_call, post, share, team_of, wait
from launcher import Server
from server.errors import ApiError
from server.federation import aesgcm, invitation
from server.release import Release

Site = Callable[..., Server]
NEW, OLD = Release("11.6.0"), Release("9.11.0")
RECORDED = Path(__file__).resolve().parents[2] / "fixtures" / "recorded" / "federation-11.6.jsonl"
LINES = [json.loads(line) for line in RECORDED.read_text(encoding="utf-8").splitlines()]
INVITES = [line["value"] for line in LINES if line["type"] == "RemoteClusterInvite"]
FIELDS = {line["value"]["of"]: line["value"]["names"] for line in LINES if line["type"] == "Fields"}


def written(kind: str) -> Any:
    """What Go wrote of a type."""
    return next(line["value"] for line in LINES if line["type"] == kind)


class Peer:
    """Another server, played by the test: it takes everything, and remembers it with its headers."""

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []
        self.headers: list[Any] = []
        self.answers: dict[str, Any] = {}
        peer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                frame = json.loads(body)
                peer.frames.append(frame)
                peer.headers.append(self.headers)
                answer = peer.answer(frame["msg"])
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps(answer).encode())

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, message: dict[str, Any]) -> Any:
        if message["topic"] == "ping":
            return {**message["payload"], "recv_at": 1}
        payload = {**written("SyncResponse"), "users_syncd": list(message["payload"].get("users") or {})}
        return {"status": "OK", "err": "", "payload": payload}

    def of(self, topic: str, key: str = "") -> list[Any]:
        """The payloads of a topic, of those with a key."""
        found = [frame["msg"]["payload"] for frame in self.frames if frame["msg"]["topic"] == topic]
        return [payload for payload in found if not key or key in payload]


@pytest.fixture
def peer() -> Iterator[Peer]:
    found = Peer()
    yield found
    found.server.shutdown()
    found.server.server_close()


def befriend(site: Server, peer: Peer) -> tuple[str, str]:
    """(identifier, token of the peer) of a connection that the peer has accepted as an 11.6 does."""
    wanted = {"name": "peer", "default_team_id": team_of(site), "password": PASSWORD}
    made = site.admin("POST", "/remotecluster", wanted)
    found = invitation.decrypt(NEW, made["invite"], PASSWORD)
    confirm = {**written("RemoteClusterInvite"), "remote_id": found.remote_id, "site_url": peer.url, "token": "A" * 26}
    confirm.update(refreshed_token="b" * 26, version=3)
    answer = peer_call(site, "confirm_invite", found.remote_id, found.token, confirm, "invitation")
    assert answer == (200, {"status": "OK"})
    wait(lambda: site.admin("GET", f"/remotecluster/{found.remote_id}")["last_ping_at"])
    return found.remote_id, "b" * 26


# Test cases 13 to 15 of the specification of GCM
@pytest.mark.parametrize(
    ("key", "nonce", "plain", "sealed"),
    [
        ("00" * 32, "00" * 12, "", "530f8afbc74536b9a963b4f1c4cb738b"),
        ("00" * 32, "00" * 12, "00" * 16, "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"),
        (
            "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
            "cafebabefacedbaddecaf888",
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de6"
            "57ba637b391aafd255",
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a"
            "0abcc9f662898015adb094dac5d93471bdec1a502270e3cc6c",
        ),
    ],
)
def test_the_cipher_is_the_standard_one(key: str, nonce: str, plain: str, sealed: str) -> None:
    arguments = bytes.fromhex(key), bytes.fromhex(nonce)
    assert aesgcm.seal(*arguments, bytes.fromhex(plain)).hex() == sealed
    assert aesgcm.unseal(*arguments, bytes.fromhex(sealed)).hex() == plain
    broken = bytearray(bytes.fromhex(sealed))
    broken[0] ^= 1
    with pytest.raises(aesgcm.BadTag):
        aesgcm.unseal(*arguments, bytes(broken))


@pytest.mark.parametrize("made", INVITES, ids=lambda made: f"version {made['version']}")
def test_invitations_of_a_real_server_are_read(made: dict[str, Any]) -> None:
    found = invitation.decrypt(NEW, made["text"], made["password"])
    assert (found.remote_id, found.site_url, found.token) == (made["remote_id"], made["site_url"], made["token"])
    assert found.version == made["version"]
    if made["version"] < 3:
        assert invitation.decrypt(OLD, made["text"], made["password"]) == found
    else:
        with pytest.raises(ApiError, match="invite_decrypt_error"):
            invitation.decrypt(OLD, made["text"], made["password"])
    with pytest.raises(ApiError, match="invite_decrypt_error"):
        invitation.decrypt(NEW, made["text"], made["password"] + "x")


def test_frames_have_the_fields_of_a_real_server_and_no_others(site: Site, peer: Peer) -> None:
    alpha = site("alpha")
    remote_id, _token = befriend(alpha, peer)
    channel_id = new_channel(alpha, "ops")
    alpha.admin("POST", f"/remotecluster/{remote_id}/channels/{channel_id}/invite")
    wait(lambda: link(alpha, remote_id, channel_id))
    made = post(alpha, channel_id, "hello @sysadmin")
    mine = alpha.admin("GET", "/users/me")["id"]
    wait(lambda: peer.of("sharedchannel_sync", "posts"))
    alpha.admin("POST", "/reactions", {"user_id": mine, "post_id": made["id"], "emoji_name": "eyes"})
    wait(lambda: peer.of("sharedchannel_sync", "reactions"))
    for frame, headers in zip(peer.frames, peer.headers):
        assert list(frame) == FIELDS["RemoteClusterFrame"] and list(frame["msg"]) == FIELDS["RemoteClusterMsg"]
        assert headers["X-RemoteCluster-Id"] == remote_id and headers["X-RemoteCluster-Token"] == "A" * 26
    assert list(peer.of("ping")[0]) == FIELDS["RemoteClusterPing"]
    users, posts, reactions = (peer.of("sharedchannel_sync", key)[0] for key in ("users", "posts", "reactions"))
    sent = {"User": users["users"][mine], "Post": posts["posts"][0], "Reaction": reactions["reactions"][0]}
    for kind, row in {**sent, "SyncMsg": {**users, **posts, **reactions}}.items():
        assert set(row) <= set(FIELDS[kind]), kind
    assert posts["mention_transforms"] == {"sysadmin": mine}
    known = written("SyncMsg")
    assert set(known["posts"][0]) <= set(sent["Post"]) and set(known["reactions"][0]) == set(sent["Reaction"])
    assert sent["User"]["roles"] == "system_user" and sent["User"]["password"] != PASSWORD


def test_answers_have_the_fields_of_a_real_server(site: Site) -> None:
    alpha, bravo = site("alpha"), site("bravo")
    remote_id = connect(alpha, bravo, "bravo", "alpha")
    channel_id = new_channel(alpha, "ops")
    share(alpha, channel_id, remote_id, bravo)
    assert list(alpha.admin("GET", f"/remotecluster/{remote_id}")) == list(written("RemoteCluster"))
    assert list(link(alpha, remote_id, channel_id)) == list(written("SharedChannelRemote"))
    assert list(bravo.admin("GET", f"/sharedchannels/{team_of(bravo)}")[0]) == list(written("SharedChannel"))
    assert list(alpha.admin("GET", f"/sharedchannels/remote_info/{remote_id}")) == list(written("RemoteClusterInfo"))
    body = {"channel_id": channel_id, "command": "/share-channel status"}
    assert list(alpha.admin("POST", "/commands/execute", body)) == list(written("CommandResponse"))


def test_what_a_real_server_writes_is_taken(site: Site, peer: Peer) -> None:
    alpha = site("alpha")
    remote_id, token = befriend(alpha, peer)
    channel_id = new_channel(alpha, "ops")
    alpha.admin("POST", f"/remotecluster/{remote_id}/channels/{channel_id}/invite")
    wait(lambda: link(alpha, remote_id, channel_id))
    text = json.dumps(written("SyncMsg")).replace(
        '"channel_id": "abcdefghijkmnopqrstuvwxyz1"', f'"channel_id": "{channel_id}"'
    )
    status, answer = peer_call(alpha, "msg", remote_id, token, json.loads(text), "sharedchannel_sync")
    assert (status, answer["status"], answer["err"]) == (200, "OK", "")
    assert list(answer["payload"]) == list(written("SyncResponse"))
    assert answer["payload"]["users_syncd"] and not answer["payload"]["post_errors"]
    person = written("SyncMsg")["posts"][0]["user_id"]
    assert alpha.admin("GET", f"/users/{person}")["username"] == "anna:peer"
    assert alpha.admin("GET", f"/posts/{person}")["message"] == "hello"
    assert [one["emoji_name"] for one in alpha.admin("GET", f"/posts/{person}/reactions")] == ["eyes"]
    session = {
        **written("UploadSession"),
        "id": "u" * 26,
        "channel_id": channel_id,
        "user_id": person,
        "filename": "a.txt",
    }
    session.update(file_size=5, req_file_id="f" * 26)
    answer = peer_call(alpha, "msg", remote_id, token, session, "sharedchannel_upload")[1]
    assert list(answer["payload"]) == FIELDS["UploadSession"]
    headers = {"X-RemoteCluster-Id": remote_id, "X-RemoteCluster-Token": token}
    path = f"/remotecluster/upload/{'u' * 26}"
    too_much = alpha.call("POST", path, headers=headers, raw=b"123456")
    assert (too_much[0], too_much[1]["id"]) == (400, "api.upload.upload_data.invalid_content_length")
    assert alpha.call("POST", path, headers=headers, raw=b"12")[0] == 204
    status, info = alpha.call("POST", path, headers=headers, raw=b"345")
    assert (status, info["id"], info["size"], info["remote_id"]) == (200, "f" * 26, 5, remote_id)
    assert alpha.call("POST", path, headers=headers, raw=b"345")[1]["id"] == "app.upload.get.app_error"


def test_images_are_taken_for_accounts_of_the_caller_alone(site: Site, peer: Peer) -> None:
    alpha = site("alpha")
    remote_id, token = befriend(alpha, peer)
    mine = alpha.admin("GET", "/users/me")["id"]
    form = b'--x\r\nContent-Disposition: form-data; name="image"; filename="p.png"\r\n\r\nPNG\r\n--x--\r\n'
    headers = {"X-RemoteCluster-Id": remote_id, "X-RemoteCluster-Token": token}
    headers["Content-Type"] = "multipart/form-data; boundary=x"
    status, body = alpha.call("POST", f"/remotecluster/{mine}/image", headers=headers, raw=form)
    assert (status, body["id"]) == (400, "api.context.invalid_url_param.app_error")
    headers["X-RemoteCluster-Token"] = "wrong"
    assert alpha.call("POST", f"/remotecluster/{mine}/image", headers=headers, raw=form)[0] == 401


def test_certificates_are_verified_with_the_systems_store(site: Site, peer: Peer, postgres: Any) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(postgres.root, postgres.root.with_name("server.key"))
    peer.server.socket = context.wrap_socket(peer.server.socket, server_side=True)
    peer.url = peer.url.replace("http:", "https:")
    trusting = site("trusting", SSL_CERT_FILE=str(postgres.root))
    befriend(trusting, peer)
    pings = len(peer.frames)
    wary = site("wary")
    with pytest.raises(AssertionError, match="not within"):
        befriend(wary, peer)
    assert pings and "CERTIFICATE_VERIFY_FAILED" in wary.log()
