"""The options `-v` and `-q` that every verb has, and the log on standard error that `-v` shows."""

import contextlib
import sys
from collections.abc import Generator, Sequence

from lensmount_emulator.cli.parser import Parser

SHORT = {"-v", "-vv", "-vvv", "-q", "--verbose", "--quiet"}
"""Forms that are also accepted in front of a verb."""


def verbosity_options() -> Parser:
    """Return the parser of the options that all verbs share, for `parents=` of another parser."""
    shared = Parser(add_help=False)
    group = shared.add_argument_group("output")
    group.add_argument(
        "-v", "--verbose", action="count", default=0, help="log events to the error stream; -vv adds the reasons"
    )
    group.add_argument("-q", "--quiet", action="store_true", help="only results: no story, notes or progress")
    return shared


def verb_first(words: Sequence[str]) -> list[str]:
    """Return the arguments with the shared options that precede the verb moved behind the others."""
    count = next((number for number, word in enumerate(words) if word not in SHORT), len(words))
    return [*words[count:], *words[:count]]


@contextlib.contextmanager
def logging_shown(verbose: int) -> Generator[None]:
    """Show the log of the library on standard error within the context.

    Args:
        verbose: 0 for nothing, 1 for INFO, 2 or more for DEBUG.
    """
    if not verbose:
        # `logging` is loaded only where somebody reads it.
        yield
        return
    import logging

    from lensmount_emulator.reports.printable import one_line
    from lensmount_emulator.reports.terminal import SEVERITIES, write_line
    from lensmount_protocol.logs import ROOT

    class Lines(logging.Handler):
        """One line an event: milliseconds since the start, severity, part of the library, text."""

        def emit(self, record: logging.LogRecord) -> None:
            severity = record.levelname.lower()
            part = record.name.removeprefix(f"{ROOT}.")
            text = f"{record.relativeCreated:8.0f} ms {severity:<7} {part}: {one_line(record.getMessage())}"
            with contextlib.suppress(OSError, ValueError):
                write_line(sys.stderr, text, SEVERITIES.get(severity), hang=20)
                sys.stderr.flush()

    logger, handler = logging.getLogger(ROOT), Lines()
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO if verbose == 1 else logging.DEBUG)
    try:
        yield
    finally:
        logger.setLevel(before)
        logger.removeHandler(handler)
