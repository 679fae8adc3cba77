"""Charts as SVG, drawn by pygal on the server: no script, no style of their own, small, and said in words as well.

What pygal styles and scripts inline is taken out here, since pages allow nothing inline; the stylesheet gives the
colours, which differ in lightness too, so that they are told apart in grey. A page sets a table with the same figures
beside every chart. They are drawn as wide as the narrowest screen, so that what stands in them can be read there.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import pygal
from markupsafe import Markup
from pygal.style import Style

Series = Sequence[tuple[str, Sequence[int]]]

_NUMBER = re.compile(r"-?\d+\.\d+")
WIDTH, HEIGHT = 340, 200
MOST_LABELS = 6  # below each other's side, so that none covers the next
# What only pygal's own script would show: what stands below the pointer.
_FOR_THE_SCRIPT = {"defs", "desc", "title"}
_OVERLAYS = ("text-overlay", "tooltip-overlay", "tooltip", "background")
_NO_LOOK = {"reactive", "tooltip-trigger", "rect", "bar", "guides"}  # classes that the stylesheet doesn't know
_PLAIN = Style(font_family="inherit", label_font_size=12, legend_font_size=12, major_label_font_size=12)


def bars(title: str, labels: Sequence[str], series: Series, shown: Callable[[float], str]) -> Markup:
    """Columns side by side, each stacked of its parts; ``shown`` writes a figure of the axis."""
    return _drawn(pygal.StackedBar, title, labels, series, shown)


def areas(title: str, labels: Sequence[str], series: Series, shown: Callable[[float], str]) -> Markup:
    """How parts of a whole went through time, stacked."""
    return _drawn(pygal.StackedLine, title, labels, series, shown, fill=True, show_dots=False)


def _drawn(
    kind: Any, title: str, labels: Sequence[str], series: Series, shown: Callable[[float], str], **more: Any
) -> Markup:
    chart = kind(
        width=WIDTH, height=HEIGHT, margin=4, spacing=5, js=(), css=(), classes=("chart",), style=_PLAIN,
        show_legend=False, include_x_axis=True, show_minor_x_labels=False, show_x_guides=False, max_scale=5,
        min_scale=2, value_formatter=shown, no_data_text="", truncate_label=-1,
        x_labels_major_every=max(1, math.ceil(len(labels) / MOST_LABELS)), **more,
    )  # fmt: skip
    chart.x_labels = list(labels)
    for name, figures in series:
        chart.add(name, list(figures))
    tree = chart.render_tree()
    _strip(tree)
    for name in ("id", "width", "height"):
        tree.attrib.pop(name, None)
    tree.attrib.update({"class": "chart", "role": "img", "aria-label": title, "focusable": "false"})
    return Markup(_written(tree)) + _legend([name for name, _ in series])  # pygal has escaped what it was given


def _legend(names: Sequence[str]) -> Markup:
    """Which colour is what, in words of the page and not of the picture: they wrap on a narrow screen."""
    one = Markup('<li><span class="key color-{}"></span>{}</li>')
    items = Markup("").join(one.format(number, name) for number, name in enumerate(names))
    return Markup('<ul class="legend">{}</ul>').format(items)


def _strip(node: Any) -> None:
    for place, child in reversed(list(enumerate(node))):
        classes = child.attrib.get("class", "").split()
        if (
            not isinstance(child.tag, str)
            or _local(child.tag) in _FOR_THE_SCRIPT
            or any(one in _OVERLAYS for one in classes)
        ):
            node.remove(child)
            continue
        for name in [each for each in child.attrib if each in ("style", "rx", "ry") or each.startswith("on")]:
            del child.attrib[name]
        child.attrib.pop("class", None)
        if kept := [one for one in classes if one not in _NO_LOOK]:
            child.attrib["class"] = " ".join(kept)
        _strip(child)
        if _draws_nothing(child):
            node.remove(child)
        elif _local(child.tag) == "g" and not child.attrib:
            node[place : place + 1] = list(child)  # a group that says nothing


def _draws_nothing(node: Any) -> bool:
    """A bar of nothing, a group that has become empty, or a guide that goes up from the axis below."""
    tag = _local(node.tag)
    if tag == "rect":
        return not float(node.attrib["height"])
    is_guide = "guide" in node.attrib.get("class", "")
    return not len(node) if tag == "g" else tag == "path" and is_guide and " v" in node.attrib["d"]


def _local(tag: str) -> str:
    return tag.rsplit("}", 1)[-1]


def _written(tree: Any) -> str:
    """The picture as text: to a tenth of a point, which is finer than any screen shows it."""
    from pygal.etree import etree

    text: str = etree.tostring(tree, encoding="unicode")
    text = re.sub(r' xmlns:\w+="[^"]*"', "", text)
    return _NUMBER.sub(lambda found: f"{float(found[0]):.1f}".removesuffix(".0"), text)
