"""HTML from values. Text is escaped unless it is `Html` already, so that no name becomes markup.

The output is well-formed XML too: every element is closed, and every attribute has a value.
"""

import re
from html import escape

# Not allowed in XML, or able to reverse the direction of adjacent text.
_unfit = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff\ud800-\udfff]"
)
_void = frozenset({"meta", "rect", "circle", "path", "use", "line", "br"})


class Html(str):
    """Markup that is complete in itself."""

    __slots__ = ()


def plain(text: str) -> str:
    """The text without characters that a page cannot show, each replaced by U+FFFD."""
    return _unfit.sub("\ufffd", text)


def tag(name: str, /, *children: str, **attributes: str | int | float | None) -> Html:
    """An element. An attribute `class_` is `class`, `aria_label` is `aria-label`; None is left out."""
    shown = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(plain(str(value)))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _void and not children:
        return Html(f"<{name}{shown} />")
    return Html(f"<{name}{shown}>{join(*children)}</{name}>")


def join(*parts: str) -> Html:
    """The parts one after another, escaped where they are not markup."""
    return Html(
        "".join(part if isinstance(part, Html) else escape(plain(part), quote=False) for part in parts)
    )
