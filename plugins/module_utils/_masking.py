# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must not be shown: secrets in results and diffs, and the mask the server shows in their place.

PRIVATE to the collection: other code must not import it.
"""

from __future__ import annotations

import re
from typing import Any, Iterator, Sequence

# What the server answers for a stored secret; sent back to it, it keeps the stored value.
SERVER_MASK = "*" * 32

HIDDEN = "********"
HIDDEN_NEW = "******** (new value)"

# Keys that hold secrets, whether the server masks them or not (several it does not, plugins' foremost).
_SECRET_NAME = re.compile(
    r"(password|secret|salt|token|apikey|api_key|accesskey|encryptkey|splitkey|privatekey|private_key"
    r"|remoteimageproxyoptions|bindusername|datasource(replicas|searchreplicas)?|replicalagsettings)s?$",
    re.IGNORECASE,
)
# Names that look like it and hold none.
_NOT_SECRET = re.compile(r"(file|enable\w*|encryptpassword|maximum\w*|\w*tokenendpoint)$", re.IGNORECASE)


def is_secret(path: Sequence[str], *values: Any) -> bool:
    """Whether the configuration key holds a secret, by its name or by the names inside these values of it."""
    return _named_so(path[-1]) or any(any(True for _text in secrets_in(path, value)) for value in values)


def _named_so(name: str) -> bool:
    return bool(_SECRET_NAME.search(name)) and not _NOT_SECRET.match(name)


def secrets_in(path: Sequence[str], value: Any) -> Iterator[str]:
    """The secret texts in the value of a configuration key; plugins keep some deep inside."""
    if _named_so(path[-1]):
        yield from strings_in(value)
    elif isinstance(value, dict):
        for name, below in value.items():
            yield from secrets_in((str(name),), below)
    elif isinstance(value, list):
        for item in value:
            yield from secrets_in(path, item)


def is_masked(value: Any) -> bool:
    """Whether the server hides this value; of a list, whether it hides any part of it."""
    if isinstance(value, list):
        return any(is_masked(item) for item in value)
    if isinstance(value, dict):
        return any(is_masked(item) for item in value.values())
    return bool(value == SERVER_MASK)


def strings_in(value: Any) -> Iterator[str]:
    """Every text in a value, so that it can be kept out of the module's output."""
    if isinstance(value, str):
        if value:
            yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from strings_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings_in(item)
