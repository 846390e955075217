"""The `lensmount` command: finds the verb, runs it, and turns errors into one line and an exit code."""

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from signal import SIGINT

from lensmount_emulator.cli.parser import (
    HelpFormatter,
    Parser,
    fit_help,
    logging_shown,
    one_of,
    verb_first,
    verbosity_options,
)
from lensmount_emulator.cli.verbs import VERBS, log_old_names, replace_old_names, verb_module
from lensmount_emulator.reports.printable import one_line, printing_safely
from lensmount_emulator.termination import Stopped, Termination, format_stop
from lensmount_protocol.errors import MAX_ERROR, MountError, shorten, unknown_name_message

EXIT_CODES = "\n".join(
    (
        "exit codes:",
        "   0  done",
        "   1  done, and something was found wanting (--verify, explain, fidelity, shadow, twin, verify-codec, matrix, "
        "campaign, doctor, "
        "replay, fuzz, a session with errors)",
        "   2  wrong usage, or an unknown dialect, profile, message, port scheme, script verb or fault, or a package "
        "of one that cannot be loaded or fails",
        "   3  a file cannot be read as what it should be",
        "   4  a port or board cannot be opened, refuses what it is to do, or went away; a device that answers nothing",
        "   5  fuzz lens, fuzz body: the device did not recover",
        "  70  a defect of lensmount: please report it",
        " 130  stopped by Ctrl-C; everything decoded or recorded so far is kept, and the summary printed",
        " 143  stopped by SIGTERM in the same way; 129: by SIGHUP",
        " 141  the reader of the output closed the pipe, as `| head` does",
    )
)


EXIT_INTERNAL_ERROR = 70
EXIT_PLUGIN_ERROR = 2
"""The code of a package of a dialect, port or fault that cannot be used."""

TRACEBACK = "LENSMOUNT_TRACEBACK"
"""The variable of the environment that shows the traceback of a defect."""

EXIT_CLOSED_PIPE = 141
"""128 and the number of SIGPIPE."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; gives the exit code.

    Both output streams are escaped while it runs, and nothing but `SystemExit` leaves it.
    """
    _replace_closed_streams()
    # Where a verb imports numpy, that starts an algebra thread for each core; no verb needs any.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with printing_safely():
        return _run_to_exit_code(arguments)


def _replace_closed_streams() -> None:
    """Python has no stream where the caller closed its descriptor (`>&-`); what is written there is dropped."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8"))


def _run_to_exit_code(arguments: Sequence[str] | None) -> int:
    stop, code = Termination(process_ends=arguments is None), 128 + SIGINT
    try:
        with suppress(KeyboardInterrupt):
            stop.start()
            code = _run_reporting_defects(arguments)
    except KeyboardInterrupt:
        # One more came between the two steps of the end.
        pass
    finally:
        stop.close()
    # An end that fails, or that nothing was left to interrupt, is still one by signal.
    if stop.number is not None:
        code = 128 + stop.number
    if code == 128 + (stop.number or SIGINT):
        _report_stop(Stopped(stop.number or SIGINT))
    return code


def _run_reporting_defects(arguments: Sequence[str] | None) -> int:
    """The exit code of a run; what no verb expects is reported here in one line.

    An exception that leaves code of another package is a mistake of that package; any other is a defect of lensmount.
    """
    try:
        return _main(arguments)
    except MemoryError:
        _report("not enough memory")
        return 3
    except Exception as error:
        # Its import takes as long as the help.
        from lensmount_protocol.entry_points import find_plugin_fault

        cause = error.__cause__
        while cause is not None:
            if isinstance(cause, KeyboardInterrupt):
                # Python 3.11 makes a RuntimeError of an interruption that comes where a class is made.
                raise cause from None
            cause = cause.__cause__
        if os.environ.get(TRACEBACK):
            import_module("traceback").print_exc()
        text = shorten(one_line(error), MAX_ERROR // 2)
        fault = find_plugin_fault(error)
        if fault is not None:
            inside = f", raised in {fault.raised_in}" if fault.raised_in else ""
            _report(
                f"package {fault.package} failed ({type(error).__name__}: {text}, {fault.place}{inside}); "
                f"{TRACEBACK}=1 shows the traceback"
            )
            return EXIT_PLUGIN_ERROR
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        place = f", {os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}" if trace else ""
        _report(
            f"a defect of lensmount ({type(error).__name__}: {text}{place}); please report it; "
            f"{TRACEBACK}=1 shows the traceback"
        )
        return EXIT_INTERNAL_ERROR


def _report(text: str) -> None:
    """Write an error, in its colour where the error stream is a terminal."""
    from lensmount_emulator.reports.printable import Colour, report

    report(text, Colour.ERROR)


def _report_stop(error: Stopped) -> None:
    name = format_stop(error)
    by = "" if name == "Ctrl-C" else f" by {name}"
    try:
        sys.stdout.flush()
    except OSError:
        _silence()
    # After SIGHUP there may be no terminal to write to.
    with suppress(OSError):
        print(f"lensmount: stopped{by}", file=sys.stderr, flush=True)


def _main(arguments: Sequence[str] | None) -> int:
    items, replaced = replace_old_names(verb_first(sys.argv[1:] if arguments is None else arguments))
    verb = items[0] if items and items[0] in VERBS else None
    parser = _parser()
    if "_ARGCOMPLETE" in os.environ or items[:1] == ["--print-completion"]:
        # A shell asks for completions, or a user for the script that makes it ask.
        completion = import_module("lensmount_emulator.cli.options")
        if "_ARGCOMPLETE" in os.environ:
            return int(completion.complete(VERBS))
        return _run_verb(lambda _: int(completion.print_script(items[1:])), argparse.Namespace())
    if items == ["--version"]:
        print(f"lensmount {import_module('importlib.metadata').version('lensmount')}")
        return 0
    if verb is None and items and not items[0].startswith("-"):
        parser.error(unknown_name_message("verb", items[0], VERBS))
    if verb is None:
        # argparse prints help or the error, and exits.
        parser.parse_args(items or ["--help"])
        return 2
    module = import_module(verb_module(verb))
    verb_parser = Parser(
        prog=f"lensmount {verb}",
        description=fit_help(module.__doc__ or ""),
        formatter_class=HelpFormatter,
        # A verb with verbs of its own gives each of them the shared options.
        parents=() if hasattr(module, "SUBCOMMANDS") else (verbosity_options(),),
    )
    module.add_arguments(verb_parser)
    # A verb with a default subcommand inserts its name.
    expand_arguments: Callable[[Sequence[str]], list[str]] = getattr(module, "with_default_subcommand", list)
    parsed = verb_parser.parse_known_names(expand_arguments(items[1:]), getattr(module, "SUBCOMMANDS", ()))
    with logging_shown(parsed.verbose):
        log_old_names(replaced)
        return _run_verb(module.run, parsed)


def _parser() -> Parser:
    parser = Parser(
        prog="lensmount",
        description=fit_help(
            "Plays the camera body or the lens on a mount's contacts: virtual, over a port, or from captures."
        ),
        formatter_class=HelpFormatter,
        epilog=fit_help(
            "verbs:\n"
            + "\n".join(f"  {name:<12}  {text}" for name, text in VERBS.items())
            + "\n\n`lensmount VERB --help` describes a verb.\n\n"
            + EXIT_CODES
        ),
        parents=(verbosity_options(),),
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    parser.add_argument(
        "--print-completion", metavar="SHELL", help="print the script for completion in bash, zsh or fish"
    )
    parser.add_argument("verb", metavar="VERB", help="what to do; see below", **one_of("verb", VERBS))
    return parser


def _run_verb(run: Callable[[argparse.Namespace], int], arguments: argparse.Namespace) -> int:
    from lensmount_emulator.cli.options import error_exit_code, load_sanitizer

    try:
        code = run(arguments)
        sys.stdout.flush()
    except MountError as error:
        library = getattr(error, "needs_runtime", None)
        if library is not None:
            load_sanitizer(library)
        _report(one_line(error))
        return error_exit_code(error)
    except BrokenPipeError:
        # The reader of our output has seen enough (`| head`), so the work is not done. The shell gives the same code
        # to a program that SIGPIPE ends.
        _silence()
        return EXIT_CLOSED_PIPE
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        _report(one_line(f"{place}{error.strerror or error}"))
        _silence()
        return 3
    return code


def _silence() -> None:
    """What is still in the buffer must not be tried again at the end."""
    with contextlib.suppress(OSError):
        # A standard output that a caller put in its place may have no descriptor.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
