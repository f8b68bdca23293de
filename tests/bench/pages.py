# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Numbers of the federation benchmark as tables, and what they say of growth."""

from __future__ import annotations

import math
import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING, List, Sequence, Tuple

if TYPE_CHECKING:
    from federation import Measurement

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
HEADINGS = (
    *("topology", "partners", "links", "first run, s", "CPU, s", "second run, s", "first run per link, s"),
    "requests per link",
)


def fit(points: Sequence[Tuple[float, float]]) -> Tuple[float, float, float]:
    """(a, b, R²) of the line a + b·x that is nearest to the points."""
    count = len(points)
    mean_x, mean_y = sum(x for x, _y in points) / count, sum(y for _x, y in points) / count
    spread = sum((x - mean_x) ** 2 for x, _y in points)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
    start = mean_y - slope * mean_x
    total = sum((y - mean_y) ** 2 for _x, y in points)
    rest = sum((y - start - slope * x) ** 2 for x, y in points)
    return start, slope, 1 - rest / total if total else 1.0


def exponent(points: Sequence[Tuple[float, float]]) -> float:
    """The power of links that the last step grows with: 1 is in proportion, less is better."""
    (x1, y1), (x2, y2) = sorted(points)[-2:]
    return math.log(y2 / y1) / math.log(x2 / x1)


def _row(one: Measurement) -> List[str]:
    first = one.first
    return [
        *(one.topology, str(one.partners), str(one.links)),
        *(f"{first.seconds:.1f}", f"{first.cpu_seconds:.1f}", f"{one.second.seconds:.1f}"),
        *(f"{first.seconds / one.links:.2f}", f"{first.requests / one.links:.1f}"),
    ]


def text_table(found: Sequence[Measurement]) -> str:
    rows = [list(HEADINGS), *(_row(one) for one in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths)) for row in rows)


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headings, ["---", *["---:"] * (len(headings) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def growth(found: Sequence[Measurement]) -> str:
    """How each number grows with links, a row for each topology."""
    numbers = {
        "first run, s": lambda one: one.first.seconds,
        "CPU of the first run, s": lambda one: one.first.cpu_seconds,
        "requests of the first run": lambda one: one.first.requests,
        "second run, s": lambda one: one.second.seconds,
        "CPU of the second run, s": lambda one: one.second.cpu_seconds,
        "requests of the second run": lambda one: one.second.requests,
    }
    rows = []
    for topology in dict.fromkeys(one.topology for one in found):
        some = [one for one in found if one.topology == topology]
        if len({one.links for one in some}) < 3:
            continue
        for name, number in numbers.items():
            points = [(float(one.links), float(number(one))) for one in some]
            start, slope, square = fit(points)
            rows.append([topology, name, f"{start:.1f}", f"{slope:.2f}", f"{square:.3f}", f"{exponent(points):.2f}"])
    headings = ("topology", "what", "fixed", "per link", "R²", "exponent of the last step")
    return markdown_table(headings, rows) if rows else ""


def machine() -> str:
    """What it ran on, in a class of machines rather than by name."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} CPUs ({platform.machine()}), {memory:.0f} GB of memory, Python {platform.python_version()}"
    )


def block(found: Sequence[Measurement]) -> str:
    """The part of the page that is made of numbers."""
    parts = [
        BEGIN,
        f"Measured on {machine()}.",
        markdown_table(HEADINGS, [_row(one) for one in found]),
        "![Seconds of the first and the second run over links, mesh and hub](images/federation_scale.svg)",
        "The line that is nearest to the numbers, fixed + per link · links, and the power of links by which the last step grew:",
        growth(found),
        END,
    ]
    return "\n\n".join(part for part in parts if part)


def put(page: Path, found: Sequence[Measurement]) -> None:
    """Put new numbers in the place of the old ones; the words around them are written by hand."""
    before, rest = page.read_text(encoding="utf-8").split(BEGIN)
    _old, after = rest.split(END)
    page.write_text(before + block(found) + after, encoding="utf-8")
