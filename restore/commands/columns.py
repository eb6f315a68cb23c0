"""Rows of text whose columns stand below each other."""

from collections.abc import Sequence

from restore.commands.messages import to_printable


def to_lines(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return each row as a line, its cells padded to the widest of their column."""
    rows = [[to_printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
