# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The one exception that leaves the air-gap engine."""

from __future__ import annotations

import functools
from typing import Any, Callable, Sequence, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])


class BundleError(Exception):
    """A sentence for the operator: which thing, what is wrong with it, what to do."""


def few(lines: Sequence[str], count: int = 5) -> str:
    """The first of many reasons, one on each line: who reads them has to see the end."""
    more = [f"... and {len(lines) - count} more"] if len(lines) > count else []
    return "\n".join([*lines[:count], *more])


def told_plainly(function: F) -> F:
    """Let what the operating system refuses leave the engine as a sentence, too."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except OSError as error:
            raise BundleError(f"{error.filename or 'The system'}: {error.strerror or error}.") from error
        except RecursionError as error:
            raise BundleError("A document that was read is nested deeper than any such document is.") from error

    return cast("F", call)
