"""Words and tables for people."""

from collections.abc import Iterable, Sequence


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """A number of things: `counted(1, "seed")` is "1 seed", `counted(3, "seed")` "3 seeds"."""
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"


def table_in_markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown, whose cells may have any text of one line in them."""
    return "\n".join([_row(header), "|---" * len(header) + "|", *map(_row, rows)])


def _row(cells: Sequence[str]) -> str:
    escaped = (cell.replace("|", r"\|") for cell in cells)
    return "|" + "".join(f" {cell} |" if cell else " |" for cell in escaped)
