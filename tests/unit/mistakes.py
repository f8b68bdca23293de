# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Documents with a mistake in them."""

from __future__ import annotations

import copy
from typing import Any, Dict, Mapping, Sequence


def with_mistake(good: Mapping[str, Any], path: Sequence[Any], value: Any) -> Dict[str, Any]:
    """A good document with another value at a path, or with nothing there when the value is KeyError."""
    document = copy.deepcopy(dict(good))
    place: Any = document
    for step in path[:-1]:
        place = place[step]
    if value is KeyError:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return document
