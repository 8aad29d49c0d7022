"""The drawings: bars and dots, as inline SVG in percent of their container, so that no text in them shrinks.

The meaning of each is also given in words: as its title, for those who cannot see it, and next to it.
"""

from collections.abc import Mapping, Sequence

from outlast.outages.outcome import Summary
from outlast.outages.report.contents import Basket
from outlast.outages.report.markup import Html, join, tag
from outlast.outages.report.words import VERDICTS, contents_text, missing_text
from outlast.outages.what_if import Outage

dot_px = 14
# More dots than this cannot be distinguished; the names are next to them.
dots_max = 24


def hatching() -> Html:
    """The pattern for what is missing, to be defined once a page."""
    line = tag("path", d="M-1 5 L5 -1 M3 9 L9 3", class_="hatch")
    pattern = tag("pattern", line, id="missing", width=8, height=8, patternUnits="userSpaceOnUse")
    return tag(
        "svg", tag("defs", pattern), class_="defs", width=0, height=0, aria_hidden="true", focusable="false"
    )


def basket_bar(basket: Basket, most: int) -> Html:
    """What is stored at a provider, on a scale on which `most` bytes fill the width."""
    parts = (
        ("fragments", basket.fragment_bytes),
        ("log", basket.log_bytes),
        ("dead", basket.dead_bytes),
        ("missing", basket.missing_bytes),
    )
    title = "; ".join(filter(None, (contents_text(basket), missing_text(basket))))
    return _bar(
        [(kind, size / most if most else 0.0) for kind, size in parts], f"{basket.member.name}: {title}"
    )


def tally_bar(counts: Mapping[Summary, int]) -> Html:
    """How often each verdict occurs."""
    total = sum(counts.values())
    title = ", ".join(f"{count} \u00d7 {VERDICTS[summary].lower()}" for summary, count in counts.items())
    return _bar([(f"v-{summary}", count / total) for summary, count in counts.items()], title)


def hit_dots(outage: Outage, names: Sequence[str]) -> Html:
    """A dot for each provider: filled if it fails, hollow if it may, small if it stays."""
    if len(names) > dots_max:
        return Html()
    radius, middle = dot_px // 2 - 2, dot_px / 2
    dots = []
    for number, name in enumerate(names):
        kind = "hit" if name in outage.providers else "may" if name in outage.maybe else "stays"
        cx = number * dot_px + middle
        dots.append(tag("circle", cx=cx, cy=middle, r=2 if kind == "stays" else radius, class_=f"dot-{kind}"))
    width = len(names) * dot_px
    size = {"width": f"{width}", "height": f"{dot_px}", "viewBox": f"0 0 {width} {dot_px}"}
    return tag("svg", *dots, class_="dots", aria_hidden="true", focusable="false", **size)


def verdict_mark(summary: Summary) -> Html:
    """A shape for the verdict, for those who cannot distinguish its colors."""
    shapes: dict[Summary, str] = {
        "nothing": "M3 8.5 L6.5 12 L13 4.5",
        "redundancy-less": "M3 8.5 L6.5 12 L13 4.5",
        "write-loss": "M8 3 L8 9 M8 12 L8 13",
        "read-loss": "M4 4 L12 12 M12 4 L4 12",
        "data-loss": "M4 4 L12 12 M12 4 L4 12",
        "unknown": "M5 6 Q5 3 8 3 Q11 3 11 5.5 Q11 7.5 8 8.5 L8 10 M8 12.5 L8 13",
    }
    path = tag("path", d=shapes[summary])
    return tag("svg", path, class_="mark", viewBox="0 0 16 16", aria_hidden="true", focusable="false")


def _bar(parts: Sequence[tuple[str, float]], title: str) -> Html:
    """Parts of a whole, side by side."""
    rects, x = [], 0.0
    for kind, share in parts:
        if share > 0:
            rects.append(
                tag(
                    "rect",
                    x=f"{100 * x:.2f}%",
                    width=f"{100 * share:.2f}%",
                    height="100%",
                    class_=f"bar-{kind}",
                )
            )
        x += share
    return tag("svg", tag("title", title), join(*rects), class_="bar", role="img", aria_label=title)
