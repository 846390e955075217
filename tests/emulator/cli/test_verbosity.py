"""The shared options of every verb, the log that -v shows, and the loggers of the library."""

import io
import logging
import subprocess
import sys
from importlib import import_module

import pytest

from lensmount_emulator.cli.main import main
from lensmount_emulator.cli.verbs import VERBS, verb_module
from lensmount_emulator.reports.printable import Colour, wants_colour, write_line
from lensmount_emulator.sessions.send_guard import SendGuard
from lensmount_hardware.port_spec import open_transport
from lensmount_hardware.transports.reconnecting import ReconnectingTransport
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.errors import DialectError
from lensmount_protocol.wire import Role

LOG = "Body->Lens F00B0002000B6000780055 1000\n"


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "traffic.log"
    path.write_text(LOG)
    return path


def subverbs(verb: str) -> list[list[str]]:
    words = getattr(import_module(verb_module(verb)), "SUBCOMMANDS", ())
    return [[verb, word] for word in words] or [[verb]]


@pytest.mark.parametrize("words", [words for verb in VERBS for words in subverbs(verb)], ids=" ".join)
def test_every_verb_has_the_shared_options(words, capsys):
    with pytest.raises(SystemExit) as end:
        main([*words, "--help"])
    out = capsys.readouterr().out
    assert end.value.code == 0
    assert out.count("-v, --verbose") == 1
    assert out.count("-q, --quiet") == 1


@pytest.mark.parametrize("words", [["decode", "-v", "{}"], ["-v", "decode", "{}"]])
def test_verbose_reports_the_reader_on_the_error_stream(words, log, capsys):
    assert main([word.format(log) for word in words]) == 0
    shown = capsys.readouterr()
    assert "Query0B" in shown.out
    assert "info    captures: " in shown.err
    assert "read as sniffer .txt by lensmount_hardware.captures.sniffer_log:read_sniffer_log" in shown.err
    assert "is_text" not in shown.err


def test_very_verbose_adds_the_reason(log, capsys):
    assert main(["decode", "-vv", str(log)]) == 0
    assert "is_text accepts the first 39 bytes" in capsys.readouterr().err


def test_the_log_ends_with_the_verb(log, capsys):
    main(["decode", "-vv", str(log)])
    before = capsys.readouterr().err
    assert main(["decode", str(log)]) == 0
    assert before
    assert capsys.readouterr().err == ""
    assert logging.getLogger("lensmount").level == logging.NOTSET


def test_control_characters_are_escaped_in_the_log(tmp_path, capsys):
    path = tmp_path / "a\x1b[2J\nb.log"
    path.write_text(LOG)
    main(["decode", "-v", str(path)])
    err = capsys.readouterr().err
    assert "\x1b" not in err
    assert len(err.splitlines()) == 1


def test_quiet_decode_prints_no_event(log, capsys):
    assert main(["decode", "-q", "--stats", str(log)]) == 0
    assert main(["decode", "-q", "--json", str(log)]) == 2
    assert "leave one of them out" in capsys.readouterr().err


def test_quiet_lists_are_names_only(capsys):
    assert main(["dialects", "-q"]) == 0
    assert capsys.readouterr().out.split() == ["emount", "fuji-g", "lmount", "mft"]
    assert main(["profiles", "-q", "--role", "body", "--dialect", "emount"]) == 0
    assert "a6000" in capsys.readouterr().out.splitlines()


def test_quiet_loopback_prints_no_scenario(capsys):
    assert main(["loopback", "--do", "wait 0.05", "--quiet"]) == 0
    out = capsys.readouterr().out
    assert "timing violations" in out
    assert "─▶" not in out


def test_the_library_is_silent_by_default():
    code = "import lensmount_protocol.logs as logs; logs.get_logger('ports').warning('x')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_help_does_not_import_logging():
    code = (
        "import sys\nfrom lensmount_emulator.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n"
        "    print(sorted({'logging', 'rich', 'difflib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_ports_log_opening_and_closing(caplog):
    caplog.set_level(logging.DEBUG, "lensmount.ports")
    with open_transport("tcp:127.0.0.1:0?listen=1", role=Role.LENS, baudrate=750_000) as port:
        name = port.name
    port.close()
    assert caplog.messages == [f"{name}: opened as lens at 750000 baud; lines: none", f"{name}: closed"]


class LostPort:
    """A port that goes away at the first look, and comes back."""

    name = "port"
    lines = frozenset[str]()
    notes = ()

    def __init__(self, opened):
        self._opened = opened

    def receive(self, timeout):
        from lensmount_protocol.errors import TransportLostError

        if len(self._opened) == 1:
            raise TransportLostError("port: the port went away")
        return []

    def send(self, action):
        raise AssertionError

    def close(self):
        return


class Steps:
    """A clock that only the test moves."""

    def __init__(self):
        self.at = 0.0

    def now(self):
        return self.at

    def wait(self, seconds):
        self.at += seconds


def test_a_lost_port_and_its_return_are_logged(caplog):
    caplog.set_level(logging.INFO, "lensmount.ports")
    opened, clock = [], Steps()

    def open_port():
        opened.append(1)
        return LostPort(opened)

    port = ReconnectingTransport(open_port, clock, clock.wait)
    port.receive(1.0)
    assert caplog.messages == [
        "port: the port went away; trying to reopen it every 0.25 s",
        "port: reopened after 0.250 s",
    ]


def test_the_guard_logs_what_it_holds_back(caplog):
    caplog.set_level(logging.INFO, "lensmount.guard")
    gate = SendGuard(load_dialect("emount"), Role.BODY)
    reason = gate.check_baudrate(12345)
    assert caplog.messages == [f"held back: {reason}"]


def test_a_plugin_that_cannot_be_loaded_is_logged(caplog, monkeypatch):
    from lensmount_protocol import dialect

    monkeypatch.setitem(dialect.BUILT_IN, "broken", "no_such_module:DIALECT")
    with caplog.at_level(logging.WARNING, "lensmount.plugins"), pytest.raises(DialectError):
        load_dialect("broken")
    assert caplog.messages[0].startswith("dialect broken: cannot be loaded from no_such_module:DIALECT")


@pytest.mark.parametrize(
    ("variables", "tty", "colour"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"TERM": "dumb"}, True, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
    ],
)
def test_colour_follows_the_terminal_and_the_environment(variables, tty, colour, monkeypatch):

    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TERM": "xterm", **variables}.items():
        monkeypatch.setenv(name, value)
    out = io.StringIO()
    monkeypatch.setattr(out, "isatty", lambda: tty)
    assert wants_colour(out) is colour
    write_line(out, "a\x1bb", Colour.ERROR)
    assert out.getvalue() == ("\x1b[31ma\\u001bb\x1b[0m\n" if colour else "a\x1bb\n")
