"""Tables that pages ask for, made from the methods themselves so that they can't be false.

`<!-- methods -->` is the table of all methods, `<!-- presets: NAME -->` that of one's options, and
`<!-- cards -->` what is said of the objectives that are shipped.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rlsuite.experiments import pretrained
from rlsuite.experiments.field_values import to_text
from rlsuite.experiments.fields import leaves
from rlsuite.experiments.registry import Methods
from rlsuite.experiments.specs import MethodSpec

_CARDS = Path(pretrained.__file__).parent
_ASKED = re.compile(r"^<!-- (methods|presets|cards)(?:: (\S+))? -->$", re.MULTILINE)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Puts tables where they are asked for."""
    methods = Methods()
    makers: dict[str, Callable[[str | None], str]] = {
        "methods": lambda _: _table_of_methods(methods),
        "presets": lambda name: _presets(methods.find(name or "")),
        "cards": lambda _: _cards(),
    }
    return _ASKED.sub(lambda found: makers[found.group(1)](found.group(2)), markdown)


def _table_of_methods(methods: Methods) -> str:
    rows = [
        (
            f"[{spec.name}]({spec.name}.md)",
            spec.summary,
            ", ".join(f"`{size}`" for size in spec.presets),
            f"[{spec.paper}](https://arxiv.org/abs/{spec.paper})" if spec.paper else "–",
        )
        for spec in methods
    ]
    return _table(("method", "what it is", "sizes", "paper"), rows)


def _presets(spec: MethodSpec) -> str:
    """What sizes differ in, and below it all else that can be set."""
    sizes = {size: leaves(preset(None)) for size, preset in spec.presets.items()}
    names = list(dict.fromkeys(name for found in sizes.values() for name in found))
    sentence = {name: leaf.sentence for found in sizes.values() for name, leaf in found.items()}
    values = {
        name: [_shown(found[name].value) if name in found else "–" for found in sizes.values()]
        for name in names
    }
    differing = [name for name in names if len(set(values[name])) > 1]
    same = [name for name in names if name not in differing]
    first = _table(
        ("option", *(f"`{size}`" for size in sizes), "what it is"),
        [(f"`--{name}`", *values[name], _in_a_cell(sentence[name])) for name in differing],
    )
    second = _table(
        ("option", "in all sizes", "what it is"),
        [(f"`--{name}`", values[name][0], _in_a_cell(sentence[name])) for name in same],
    )
    return f'{first}\n\n??? note "Options that are the same in all sizes"\n\n{_indented(second)}'


def _shown(value: Any) -> str:
    # Lists may break where a table is narrow.
    return f"`{to_text(value).replace(',', ', ')}`" if to_text(value) else "none"


def _in_a_cell(text: str) -> str:
    return text.replace("|", "\\|")


def _cards() -> str:
    """The cards of what is shipped, each folded up under its name."""
    return "\n\n".join(
        f'??? note "{name}"\n\n{_indented(_below_heading(_CARDS / f"{name}.md"))}'
        for name in pretrained.names()
    )


def _below_heading(card: Path) -> str:
    _, _, text = card.read_text().partition("\n")
    return re.sub(r"^## (.*)$", r"**\1**", text.strip(), flags=re.MULTILINE)


def _indented(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.splitlines())


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
