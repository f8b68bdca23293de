# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Tell a server a fixed story of requests, and reduce its answers to what another server's can be held to.

A story is a list of steps, each one request; `save` names values of an answer that later steps use as {name}. What is
kept of an answer is its status, the id and message of an error, some headers, and the shape of the body: keys and JSON
types, all the way down. The stories and what real servers answered are in tests/fixtures/recorded.

    python story.py STORY BASE SOCKET OUT     tells STORY to a running server and writes what it answered to OUT
"""

from __future__ import annotations

import http.client
import io
import json
import re
import socket
import sys
import tarfile
import time
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

API = "/api/v4"
_BOUNDARY = "----standin-story"
_HEADERS = ("Content-Type", "Cache-Control", "Expires")
_TYPES = {bool: "bool", int: "number", float: "number", str: "string", type(None): "null"}
# Objects with free keys: what is kept is the set of shapes their values have.
_MAPS = ("posts", "PluginStates", "Plugins", "EventTargetMapping")
Step = Dict[str, Any]


class Teller:
    """Sends the steps of a story and remembers what they save."""

    def __init__(self, base: str, local_socket: str, *, patience: float = 0.0) -> None:
        self._address = base.split("://", 1)[1]
        self._socket = local_socket
        self._patience = patience
        self._tokens: Dict[str, str] = {}
        self.known: Dict[str, str] = {"base": base, "listen": self._address, "long": "m" * 16384}

    def tell(self, step: Step) -> Dict[str, Any]:
        """One step; answers what is kept of the reply."""
        if step.get("pause"):
            time.sleep(self._patience)
        status, headers, body = self._send(step)
        try:
            value = json.loads(body)
        except ValueError:
            value = body.decode(errors="replace")
        for name, path in step.get("save", {}).items():
            self.known[name] = str(_pick(value, path))
        if step.get("login") and status == 200:
            self._tokens[step["login"]] = headers["token"]
        return self._reduced(step, status, headers, value)

    def _send(self, step: Step) -> Tuple[int, Dict[str, str], bytes]:
        connection = _Local(self._socket) if step.get("via") == "socket" else http.client.HTTPConnection(self._address)
        connection.timeout = 60
        headers: Dict[str, str] = {}
        who = step.get("as")
        if who:
            headers["Authorization"] = "Bearer " + self._tokens.get(who, self._filled(who))
        data, kind = self._body(step)
        if data is not None:
            headers["Content-Type"] = kind
        try:
            connection.request(step["method"], self._filled(API + step["path"]), data, headers)
            reply = connection.getresponse()
            return reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read()
        except (http.client.HTTPException, ConnectionError):
            return 0, {}, b"connection broken"
        finally:
            connection.close()

    def _body(self, step: Step) -> Tuple[Optional[bytes], str]:
        if "form" in step:
            return _form(self._filled(step["form"])), f"multipart/form-data; boundary={_BOUNDARY}"
        if "repeat" in step:  # [text, times]: a body that is too long to be written down
            text, times = step["repeat"]
            return (text * times).encode(), step.get("type", "application/json")
        if "text" in step:
            return self._filled(step["text"]).encode(), step.get("type", "application/json")
        if step.get("body") is not None:
            return json.dumps(self._filled(step["body"])).encode(), "application/json"
        return None, ""

    def _filled(self, value: Any) -> Any:
        if isinstance(value, str):
            return re.sub(r"\{(\w+)\}", lambda match: self.known.get(match.group(1), match.group(0)), value)
        if isinstance(value, list):
            return [self._filled(item) for item in value]
        if isinstance(value, dict):
            return {self._filled(key): self._filled(item) for key, item in value.items()}
        return value

    def _reduced(self, step: Step, status: int, headers: Dict[str, str], value: Any) -> Dict[str, Any]:
        kept: Dict[str, Any] = {"status": status}
        kept["headers"] = {name: headers[name.lower()] for name in _HEADERS if name.lower() in headers}
        if isinstance(value, dict) and "status_code" in value:
            kept["error"] = {"id": value["id"], "message": value["message"]}
            value = {**value, "request_id": ""}
        if "patched" in step and status == 200:
            kept["value"] = {
                section: {key: value.get(section, {}).get(key) for key in keys} for section, keys in step["patched"]
            }
            for name in ("base", "listen"):
                kept["value"] = json.loads(json.dumps(kept["value"]).replace(self.known[name], "{" + name + "}"))
            return kept
        kept["shape"] = shape(value)
        return kept


class _Local(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(self._path)


def shape(value: Any, name: str = "") -> Any:
    """Keys and types of a JSON value; a list has the shape of its first item."""
    if isinstance(value, dict):
        if name in _MAPS:
            items = {json.dumps(shape(item), sort_keys=True) for item in value.values()}
            return {"*": [json.loads(item) for item in sorted(items)]} if items else {}
        return {key: shape(item, key) for key, item in sorted(value.items())}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return _TYPES[type(value)]


def differences(expected: Any, found: Any, where: str = "") -> List[str]:
    """What is not the same, one line each."""
    if isinstance(expected, dict) and expected.get("status") != found.get("status"):
        return [f"expected {expected.get('status')}, found {found.get('status')} {found.get('error', '')}"]
    if type(expected) is not type(found):
        return [f"{where}: expected {_short(expected)}, found {_short(found)}"]
    if isinstance(expected, dict):
        lines = []
        for key in sorted({*expected, *found}):
            here = f"{where}.{key}" if where else key
            if key == "*" and expected.get(key) != found.get(key):
                lines.append(f"{here}: expected {expected.get(key)}, found {found.get(key)}")
            elif key not in found:
                lines.append(f"{here}: missing, expected {_short(expected[key])}")
            elif key not in expected:
                lines.append(f"{here}: not expected, found {_short(found[key])}")
            else:
                lines += differences(expected[key], found[key], here)
        return lines
    if isinstance(expected, list) and expected and found:
        return differences(expected[0], found[0], where + "[]")
    return [] if expected == found else [f"{where}: expected {_short(expected)}, found {_short(found)}"]


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) < 200 else text[:200] + "..."


def _pick(value: Any, path: str) -> Any:
    for key in path.split("."):
        if isinstance(value, list):
            value = value[int(key)] if len(value) > int(key) else None
        else:
            value = value.get(key) if isinstance(value, dict) else None
    return value


def _form(form: Dict[str, Any]) -> bytes:
    """{"fields": {name: value}, "files": {name: [file name, text or {"plugin": id, "version": v}]}}"""
    body = b""
    for name, value in form.get("fields", {}).items():
        body += f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    for name, (file_name, content) in form.get("files", {}).items():
        data = plugin_bundle(content["plugin"], content["version"]) if isinstance(content, dict) else content.encode()
        head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="{file_name}"\r\n'
        body += head.encode() + b"Content-Type: application/octet-stream\r\n\r\n" + data + b"\r\n"
    return body + f"--{_BOUNDARY}--\r\n".encode()


def plugin_bundle(plugin_id: str, version: str) -> bytes:
    """The smallest plugin a server takes: a manifest and a script for the web client."""
    manifest = {"id": plugin_id, "name": "Recorded", "version": version, "webapp": {"bundle_path": "webapp/main.js"}}
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in (("plugin.json", json.dumps(manifest)), ("webapp/main.js", "// nothing\n")):
            member = tarfile.TarInfo(f"{plugin_id}/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content.encode()))
    return stream.getvalue()


def read_lines(path: Path) -> List[Dict[str, Any]]:
    """A file of one JSON object a line."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def main() -> int:
    story, base, local_socket, out = sys.argv[1:5]
    teller = Teller(base, local_socket, patience=1.0)
    answers = [teller.tell(step) for step in read_lines(Path(story))]
    text = "".join(json.dumps(answer, ensure_ascii=False) + "\n" for answer in answers)
    Path(out).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
