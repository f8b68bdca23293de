# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Uploads that are streamed from disk: plugin bundles are larger than what should be held in memory.

PRIVATE to the collection: other code must not import it.
"""

from __future__ import annotations

import os
import uuid
from typing import Dict, Iterator, Optional, Union

_CHUNK = 1 << 20


class Multipart:
    """A multipart/form-data body that can be sent more than once.

    Not ansible's prepare_multipart: that encodes files as base64, which the server stores as it comes.
    """

    def __init__(self, *, name: str, source: Union[str, bytes], fields: Optional[Dict[str, str]] = None) -> None:
        boundary = uuid.uuid4().hex
        self.content_type = "multipart/form-data; boundary=" + boundary
        self._source = source
        head = ""
        for key, value in (fields or {}).items():
            head += f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'
        head += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\n'
        self._head = (head + "Content-Type: application/octet-stream\r\n\r\n").encode()
        self._tail = f"\r\n--{boundary}--\r\n".encode()

    def __len__(self) -> int:
        size = len(self._source) if isinstance(self._source, bytes) else os.path.getsize(self._source)
        return len(self._head) + size + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        if isinstance(self._source, bytes):
            yield self._source
        else:
            with open(self._source, "rb") as file:
                while True:
                    chunk = file.read(_CHUNK)
                    if not chunk:
                        break
                    yield chunk
        yield self._tail
