"""Docstrings as this code base writes them, turned into what the site's Markdown understands."""

import re
from collections.abc import Iterator
from typing import Any

import griffe

_INLINE = re.compile(r":math:`([^`]+)`")
_DISPLAYED = re.compile(
    r"^([ ]*)\.\. math::[ ]*(.*(?:\n|\Z)(?:[ ]*\n|\1[ ]+\S.*(?:\n|\Z))*)", re.MULTILINE
)
_NAME = re.compile(r"(?<![`\w])`([A-Za-z_][\w.]*)`(?!`)")


class Docstrings(griffe.Extension):
    """Sphinx's mathematics becomes TeX between dollars, and names of the code become links."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Once everything is loaded, so that names can be found."""
        for thing in _everything(pkg):
            if thing.docstring is not None:
                thing.docstring.value = _linked(_with_equations(thing.docstring.value), thing)


def _everything(thing: griffe.Object) -> Iterator[griffe.Object]:
    yield thing
    for member in thing.members.values():
        if isinstance(member, griffe.Object):
            yield from _everything(member)


def _with_equations(text: str) -> str:
    def displayed(found):
        indent = found.group(1)
        lines = [line.strip() for line in found.group(2).splitlines() if line.strip()]
        return "\n".join(indent + line if line else "" for line in ("$$", *lines, "$$", "", ""))

    text = _INLINE.sub(
        lambda found: f"${' '.join(found.group(1).split())}$", _DISPLAYED.sub(displayed, text)
    )
    if "math:" in text:
        raise ValueError(f"mathematics that is not understood in a docstring: {text}")
    return text


def _linked(text: str, thing: griffe.Object) -> str:
    """Links wherever a name can be found, and something is documented under it."""

    def link(found):
        path = _path_of(found.group(1), thing)
        if path is None:
            return found.group(0)
        return f'<autoref identifier="{path}" optional><code>{found.group(1)}</code></autoref>'

    return _NAME.sub(link, text)


def _path_of(name: str, thing: griffe.Object) -> str | None:
    if name.startswith("rlsuite."):
        return name
    first, *rest = name.split(".")
    try:
        path = thing.resolve(first)
    except griffe.NameResolutionError:
        return None
    # A function's own parameters are explained where they are named.
    return ".".join([path, *rest]) if path.startswith("rlsuite.") and "(" not in path else None
