"""The `racewash` command: loads the subcommand asked for, and turns every way of ending into a sentence and a code.

Exit codes: 0 nothing found, 1 findings, 2 the user's or the environment's mistake, 3 ours, 130 interrupted.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from tempfile import NamedTemporaryFile
from typing import Any, NoReturn, TypeGuard

import click

from harness.model.problem import Problem
from harness.version import VERSION

COMMANDS = {  # name -> where it is; loaded only when asked for, so that each command starts fast
    "run": "harness.cli.run:run",
    "explore": "harness.cli.explore:explore",
    "hunt": "harness.cli.hunt:hunt",
    "sweep": "harness.cli.sweep:sweep",
    "replay": "harness.cli.replay:replay",
    "shrink": "harness.cli.shrink:shrink",
    "table": "harness.cli.table:table",
    "list": "harness.cli.list:list_topics",
    "report": "harness.cli.report:report",
    "gallery": "harness.cli.gallery:gallery",
    "bench": "harness.cli.bench:bench",
    "conform": "harness.cli.conform:conform",
    "doctor": "harness.cli.doctor:doctor",
}
FIRST = """Start here:
  racewash doctor               what this machine can do, and what to install for the rest
  racewash table --memory 2G    the memory table before and after the pull request, measured
  racewash run --seconds 30     race every suite; findings go to .racewash

racewash --help names every command."""
DEBUG = "RACEWASH_DEBUG"
USAGE, INTERNAL, INTERRUPTED, READER_GONE = 2, 3, 130, 141  # the last as a shell counts a death by SIGPIPE
NO_ROOM = (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EFBIG)  # why what is printed may not be taken


class _ReaderGone(Exception):
    """Whoever read stdout has closed it."""


class _Commands(click.Group):
    """Loads a command's module when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one command, None when there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it, but an unknown command names those that exist."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            ctx.fail(f"there is no command {args[0]!r}; the commands are {', '.join(COMMANDS)}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """As click does it, but a broken pipe stays apart from findings, which have exit code 1."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise _ReaderGone from error


def _remember_debug(_ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        os.environ[DEBUG] = "1"


@click.group(cls=_Commands, invoke_without_command=True, epilog="Example: racewash list suites")
@click.version_option(VERSION, prog_name="racewash")
@click.option("--debug", is_flag=True, expose_value=False, callback=_remember_debug,
              help=f"Print the traceback of an internal error (also: {DEBUG}=1).")  # fmt: skip
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Race a faithful C core of a database's KV cache, and account for every byte of it."""
    if ctx.invoked_subcommand is None:
        click.echo(FIRST)


def call(words: Sequence[str]) -> int:
    """Run one command line and return its exit code; what went wrong is said on stderr in one sentence."""
    try:
        return _call(words)
    except BrokenPipeError:  # nobody reads stderr any more
        return READER_GONE
    except OSError as error:  # stderr takes nothing any more: nobody can be told
        if _of_output(error):
            return USAGE
        raise


def _call(words: Sequence[str]) -> int:
    try:
        code = cli.main(args=list(words), prog_name="racewash", standalone_mode=False)
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        name = context.command_path if isinstance(context, click.Context) else "racewash"
        return _say(f"{name}: {' '.join(error.format_message().split())}", USAGE)
    except Problem as problem:
        return _say(f"racewash: {problem}", USAGE)
    except (click.Abort, KeyboardInterrupt):
        return _say("racewash: interrupted", INTERRUPTED)
    except _ReaderGone:
        return READER_GONE
    except BrokenPipeError:
        raise
    except Exception as error:
        if _of_output(error):
            return _say(f"racewash: the output can't be written: {error.strerror}", USAGE)
        return _say(_internal(error), INTERNAL)
    return code if isinstance(code, int) else 0


def main() -> NoReturn:
    """Run the command line of this process. A request to end the process is taken like Ctrl-C, so nothing is lost."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    code = call(sys.argv[1:])
    _discard_what_is_left()
    sys.exit(code)


def _of_output(error: Exception) -> TypeGuard[OSError]:
    """Whether stdout or stderr took no more: what a folder refuses is a Problem already, or names its file."""
    return isinstance(error, OSError) and error.filename is None and error.errno in NO_ROOM


def _discard_what_is_left() -> None:
    """Let what a closed pipe or a full disk did not take go nowhere: flushing it at the end would change the code."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:  # closed by whoever started the process
                stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _say(sentence: str, code: int) -> int:
    click.echo(sentence, err=True)
    return code


def _internal(error: Exception) -> str:
    """Keep the traceback of a mistake of ours and return the sentence that says where it is."""
    text = "".join(traceback.format_exception(error))
    what = f"racewash: internal error: {type(error).__name__}: {' '.join(str(error).split())}"
    if os.environ.get(DEBUG, "0") not in ("", "0"):
        click.echo(text, err=True, nl=False)
        return f"{what}; the traceback stands above"
    try:
        with NamedTemporaryFile("w", prefix="racewash-error-", suffix=".txt", delete=False, encoding="utf-8") as file:
            file.write(text)
    except OSError:
        return f"{what}; run again with {DEBUG}=1 to see the traceback"
    return f"{what}; its traceback is in {file.name}, please send it with your report"
