# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The plot of the federation benchmark: seconds over links, both axes logarithmic, so that proportion is a slope of one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Callable, List, Sequence, Tuple

if TYPE_CHECKING:
    from federation import Measurement

WIDTH, HEIGHT = 720, 440
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 60, 60
STEPS = (1, 2, 5)
STYLE = """
  svg { font: 13px system-ui, sans-serif }
  .page { fill: #ffffff } text { fill: #1f2328 } .grid { stroke: #d8dee4 } .axis { stroke: #59636e }
  .mesh { stroke: #0969da; fill: #0969da } .hub { stroke: #bc4c00; fill: #bc4c00 }
  .reference { stroke: #818b98; stroke-dasharray: 2 4 }
  polyline { fill: none !important; stroke-width: 2 } .second { stroke-dasharray: 7 4 } text { stroke: none !important }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117 } text { fill: #f0f6fc } .grid { stroke: #2f353d } .axis { stroke: #9198a1 }
    .mesh { stroke: #58a6ff; fill: #58a6ff } .hub { stroke: #f0883e; fill: #f0883e }
  }
"""

Points = List[Tuple[float, float]]


def ticks(low: float, high: float) -> List[float]:
    """1, 2, 5, 10 ... from the last that is not above `low` to the first that is above `high`."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 2)
    found = [step * 10.0**power for power in powers for step in STEPS]
    first = max(tick for tick in found if tick <= low)
    last = min(tick for tick in found if tick > high)
    return [tick for tick in found if first <= tick <= last]


class Axes:
    """Where a number of links and of seconds lies in the picture."""

    def __init__(self, series: Sequence[Points]) -> None:
        self.x_ticks = ticks(min(x for one in series for x, _y in one), max(x for one in series for x, _y in one))
        self.y_ticks = ticks(min(y for one in series for _x, y in one), max(y for one in series for _x, y in one))

    def x(self, value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * _share(value, self.x_ticks)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * _share(value, self.y_ticks)

    def drawn(self) -> List[str]:
        lines = []
        bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
        for tick in self.x_ticks:
            x = f"{self.x(tick):.1f}"
            lines.append(f'<line class="grid" x1="{x}" y1="{TOP}" x2="{x}" y2="{bottom}"/>')
            lines.append(f'<text x="{x}" y="{bottom + 18}" text-anchor="middle">{tick:g}</text>')
        for tick in self.y_ticks:
            y = self.y(tick)
            lines.append(f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}"/>')
            lines.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
        lines.append(f'<path class="axis" fill="none" d="M{LEFT} {TOP}V{bottom}H{right}"/>')
        middle = (LEFT + right) / 2
        lines.append(f'<text x="{middle}" y="{HEIGHT - 14}" text-anchor="middle">links (logarithmic)</text>')
        turned = f'transform="translate(18 {(TOP + bottom) / 2}) rotate(-90)"'
        lines.append(f'<text {turned} text-anchor="middle">seconds of a run (logarithmic)</text>')
        return lines

    def proportion(self) -> str:
        """A line that grows as links do, through the lower left corner as far as the picture goes."""
        x1, y1 = self.x_ticks[0], self.y_ticks[0]
        factor = min(self.x_ticks[-1] / x1, self.y_ticks[-1] / y1)
        ends = (
            f'x1="{self.x(x1):.1f}" y1="{self.y(y1):.1f}" x2="{self.x(x1 * factor):.1f}" y2="{self.y(y1 * factor):.1f}"'
        )
        return f'<line class="reference" {ends}/>'


def _share(value: float, axis: Sequence[float]) -> float:
    return math.log(value / axis[0]) / math.log(axis[-1] / axis[0])


def _line(axes: Axes, points: Points, names: str) -> List[str]:
    places = [(axes.x(x), axes.y(y)) for x, y in points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    return [
        f'<polyline class="{names}" points="{path}"/>',
        *(f'<circle class="{names.split()[0]}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>' for x, y in places),
    ]


def _legend(names: Sequence[str]) -> List[str]:
    lines = []
    entries = [*names, "reference"]
    for number, name in enumerate(entries):
        x, y = LEFT + 10 + (number % 3) * 200, 20 + (number // 3) * 20
        label = {"reference": "in proportion to links"}.get(name, name.replace(" ", ", ") + " run")
        tag = f'<polyline class="{name}" points="{x},{y} {x + 34},{y}"/>'
        lines += [tag, f'<text x="{x + 42}" y="{y + 4}">{label}</text>']
    return lines


def plot(found: Sequence[Measurement]) -> str:
    """The picture as SVG, readable on light and on dark pages."""
    runs: List[Tuple[str, Callable[[Measurement], float]]] = [
        ("first", lambda one: one.first.seconds),
        ("second", lambda one: one.second.seconds),
    ]
    series = {
        f"{topology} {name}": [(float(one.links), number(one)) for one in found if one.topology == topology]
        for topology in dict.fromkeys(one.topology for one in found)
        for name, number in runs
    }
    axes = Axes(list(series.values()))
    title = "Seconds that federating partners takes, over the number of links"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}">',
        "<!-- SPDX-License-" + "Identifier: GPL-3.0-or-later -->",
        "<!-- Copyright: The fieldops.mattermost authors. Made by tests/bench/federation.py. -->",
        f"<title>{title}</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="page" width="{WIDTH}" height="{HEIGHT}"/>',
        *axes.drawn(),
        axes.proportion(),
        *(line for names, points in series.items() for line in _line(axes, points, names)),
        *_legend(list(series)),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"
