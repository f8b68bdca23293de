# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Numbers of the federation benchmark as tables, and what they say of growth."""

from __future__ import annotations

import math
import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Dict, List, Sequence, Tuple

if TYPE_CHECKING:
    from federation import Measurement

HEADINGS = (
    *("topology", "partners", "links", "first run, s", "CPU, s", "second run, s", "first run per link, s"),
    "requests per link",
)


def fit(inputs: Sequence[Sequence[float]], values: Sequence[float]) -> Tuple[List[float], float]:
    """The factors with which the inputs, and 1 before them, come nearest to the values (least squares), and R²."""
    rows = [[1.0, *row] for row in inputs]
    size = len(rows[0])
    # the normal equations, each with its right side, solved by elimination
    system = [
        [sum(row[i] * row[j] for row in rows) for j in range(size)]
        + [sum(row[i] * value for row, value in zip(rows, values))]
        for i in range(size)
    ]
    for i in range(size):
        pivot = max(range(i, size), key=lambda k: abs(system[k][i]))
        system[i], system[pivot] = system[pivot], system[i]
        system[i] = [cell / system[i][i] for cell in system[i]]
        for k in range(size):
            if k != i:
                system[k] = [cell - system[k][i] * above for cell, above in zip(system[k], system[i])]
    factors = [line[-1] for line in system]
    mean = sum(values) / len(values)
    rest = sum((y - sum(f * x for f, x in zip(factors, row))) ** 2 for row, y in zip(rows, values))
    return factors, 1 - rest / sum((y - mean) ** 2 for y in values)


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


SECONDS: Dict[str, Callable[[Measurement], float]] = {
    "first run, s": lambda one: one.first.seconds,
    "second run, s": lambda one: one.second.seconds,
}
WORK: Dict[str, Callable[[Measurement], float]] = {
    "CPU of the first run, s": lambda one: one.first.cpu_seconds,
    "CPU of the second run, s": lambda one: one.second.cpu_seconds,
    "requests of the first run": lambda one: one.first.requests,
    "requests of the second run": lambda one: one.second.requests,
}


def growth(found: Sequence[Measurement]) -> str:
    """How seconds grow with links, by topology: a partner adds one link to a hub, and many to a mesh."""
    rows = []
    for topology in dict.fromkeys(one.topology for one in found):
        some = [one for one in found if one.topology == topology]
        for name, number in SECONDS.items() if len(some) > 2 else ():
            values = [number(one) for one in some]
            (start, slope), square = fit([[one.links] for one in some], values)
            step = exponent([(one.links, value) for one, value in zip(some, values)])
            rows.append([topology, name, f"{start:.1f}", f"{slope:.2f}", f"{square:.3f}", f"{step:.2f}"])
    headings = ("topology", "what", "fixed", "per link", "R²", "power of links in the last step")
    return markdown_table(headings, rows) if rows else ""


def causes(found: Sequence[Measurement]) -> str:
    """What links and what partners contribute, from all measurements together."""
    if len(found) < 5 or len({one.topology for one in found}) < 2:
        return ""
    rows = []
    for name, number in WORK.items():
        factors, square = fit([[one.links, one.partners] for one in found], [number(one) for one in found])
        rows.append([name, *(f"{factor:.1f}" for factor in factors), f"{square:.3f}"])
    return markdown_table(("what", "fixed", "per link", "per partner", "R²"), rows)


def machine() -> str:
    """What it ran on, in a class of machines rather than by name."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} CPUs ({platform.machine()}), {memory:.0f} GB of memory, Python {platform.python_version()}"
    )


def block(found: Sequence[Measurement]) -> str:
    """The part of the page that is made of numbers."""
    parts = [
        f"Measured on {machine()}.",
        markdown_table(HEADINGS, [_row(one) for one in found]),
        "![Seconds of the first and the second run over links, mesh and hub](images/federation_scale.svg)",
    ]
    tables = {
        "Seconds by links, as the nearest line and as the power of links by which the last step grew:": growth(found),
        "What each link and each partner add, from all measurements together:": causes(found),
    }
    parts += [f"{words}\n\n{table}" for words, table in tables.items() if table]
    return "\n\n".join(parts)


def put(page: Path, text: str, name: str = "measured") -> None:
    """Put new numbers in the place of the old ones; the words around them are written by hand."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, rest = page.read_text(encoding="utf-8").split(begin)
    _old, after = rest.split(end)
    page.write_text("\n\n".join([before + begin, text, end + after]), encoding="utf-8")
