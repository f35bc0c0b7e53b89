"""Tables on stdout by rich: a reader that has gone is told as by any other output."""

from __future__ import annotations

from typing import NoReturn

from rich.console import Console as RichConsole


class Console(RichConsole):
    """A Console whose broken pipe reaches the command line, where rich's own would end as findings do: with code 1."""

    def on_broken_pipe(self) -> NoReturn:
        """Called by rich while it handles the error."""
        raise BrokenPipeError
