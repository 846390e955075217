"""The same tests on a port: a lens or a body in a process of its own is the device, in real time."""

import importlib.util
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable

import pytest

Run = Callable[..., pytest.RunResult]
Serve = Callable[[str, str], str]

LENS = "sigma-45mm-f2.8-dg-dn"

BOTH_WAYS = """
from time import monotonic

import pytest
from lensmount_protocol.dialects.lmount.focus import FocusDrive
from lensmount_protocol.dialects.lmount.link import CommandDone, LensHello
from lensmount_protocol.dialects.lmount.types import FocusCommand, Outcome

def test_focus(mounted):
    mounted.run_script("focus 2m; aperture f/8")
    order = FocusDrive(order=FocusCommand.ABSOLUTE, value=300)
    assert mounted.request(order).outcome == Outcome.ACCEPTED
    mounted.expect(CommandDone, number=order.number, outcome=Outcome.DONE)
    mounted.run(0.1)
    mounted.assert_clean()

def test_greets_again(mount, recording):
    began = monotonic()
    mounted = mount()
    # Its time begins with it, whatever ran on the port before.
    assert mounted.now <= monotonic() - began
    mounted.wait_until(lambda: mounted.messages(LensHello), within=3.0)
    # On a device without a supply line a report of the test before may come first, and more between the two calls.
    names = [type(message).__name__ for message in mounted.messages(role="lens")]
    assert names.count("LensHello") == 1
    assert set(names[:names.index("LensHello")]) <= {"PowerReport"}
    assert recording.records
"""

INSIDE = """
def test_inside(lens): raise RuntimeError("played")

def test_hand(mounted):
    mounted.operate("zoom 70")
    raise RuntimeError("played")

def test_contacts(bench): raise RuntimeError("played")

def test_off(mounted):
    mounted.detach()
    raise RuntimeError("played")

def test_on(mounted):
    mounted.attach()
    raise RuntimeError("played")
"""


@pytest.fixture(autouse=True)
def _lens(project: pytest.Pytester) -> None:
    project.makeini(f"[pytest]\naddopts = --strict-markers\nfilterwarnings = error\nlensmount_lens = {LENS}\n")


def test_the_same_tests_run_on_the_virtual_mount_and_on_a_device(
    run: Run, project: pytest.Pytester, serve: Serve
) -> None:
    project.makepyfile(test_both_ways=BOTH_WAYS)
    run().assert_outcomes(passed=2)
    port = serve("lens", LENS)
    result = run("--lensmount-port", port, "--lensmount-record", "kept")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines([f"lensmount: plays the body on {port}"])
    heads = [path.read_text().splitlines()[0] for path in (project.path / "kept").iterdir()]
    assert len(heads) == 2
    assert all('"role":"body","profile":"panasonic-s1r"' in head and port in head for head in heads)


def test_what_a_device_does_not_show_skips_the_test(run: Run, project: pytest.Pytester, serve: Serve) -> None:
    project.makepyfile(INSIDE)
    result = run("--lensmount-port", serve("lens", LENS), "-rs")
    result.assert_outcomes(skipped=5)
    result.stdout.fnmatch_lines_random(
        [
            "SKIPPED *: the lens is the device on *lens-device*",
            "SKIPPED *: virtual contacts and virtual time are wanted, and there is the device on *",
        ]
    )


def test_a_failure_on_a_device_points_to_its_recording(run: Run, project: pytest.Pytester, serve: Serve) -> None:
    project.makepyfile("""
        import pytest
        from lensmount_protocol.dialects.lmount.link import CommandDone

        @pytest.mark.lensmount_hardware
        def test_it(mounted):
            mounted.run_script("focus near; focus far", wait=False)
            mounted.expect(CommandDone, number=250, within=0.2)
    """)
    result = run("--lensmount-port", serve("lens", LENS), "--junitxml", "report.xml")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E       AssertionError: no CommandDone(number=250) within 0.2 s of *; * came, the last: 85 *",
            "*- lensmount timeline -*",
            "*FocusDrive, number*",
            "*- lensmount replay -*",
            "lensmount replay *.lmx --port serial:*lens-device --role body  # what our body did, in its own time, *",
            "*- lensmount lateness -*",
            "* deadlines met late by p50 * µs, *, at most * µs",
        ]
    )
    told = [each.attrib["name"] for each in ElementTree.parse(project.path / "report.xml").iter("property")]
    assert told == [
        "lensmount_explanation",
        "lensmount_timeline",
        "lensmount_recording",
        "lensmount_view",
        "lensmount_replay",
        "lensmount_lateness",
    ]


def test_what_a_test_words_itself_is_held_back_unless_it_is_allowed(
    run: Run, project: pytest.Pytester, serve: Serve
) -> None:
    project.makepyfile("""
        import pytest
        from lensmount_protocol.codec.lazy_construct import Int8ub
        from lensmount_protocol.message import LengthPrefixedMessage, field, message
        from lensmount_protocol.wire import Role

        @message(0x7E, Role.BODY, "nobody's")
        class Odd(LengthPrefixedMessage):
            number: int = field(Int8ub, "of the order")

        def test_held_back(mount):
            mount().request(Odd())

        def test_allowed(mount):
            # The lens refuses it, so it has come there.
            assert mount(allow=["0x7e"]).request(Odd()) is not None
    """)
    result = run("--lensmount-port", serve("lens", LENS))
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        ["*the session on *lens-device has ended: *held back: an unknown message of type 0x7e; *"]
    )


def test_a_device_that_sends_nothing_fails_a_test_that_asserts_nothing(
    run: Run, project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lensmount_emulator.pytest_plugin.live.REPLY_TIMEOUT_S", 0.1)
    project.makepyfile("def test_it(mounted): pass")
    result = run("--lensmount-port", "pty:")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "nothing came from the lens on /dev/* in *.* s",
            "where that is meant, put 'lens: sent nothing' into the marker's `allow`",
        ]
    )


def test_only_the_exact_entry_allows_a_silent_device(
    run: Run, project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lensmount_emulator.pytest_plugin.live.REPLY_TIMEOUT_S", 0.1)
    project.makepyfile("""
        import pytest

        @pytest.mark.lensmount(allow=["lens: sent nothing"])
        def test_exact(mounted): pass

        @pytest.mark.parametrize("number", [
            pytest.param(1, marks=pytest.mark.lensmount(allow=["*", "lens: *", "session: *"])),
            pytest.param(2, marks=pytest.mark.lensmount(allow=["body: sent nothing"])),
        ])
        def test_others(mounted, number): pass
    """)
    run("--lensmount-port", "pty:").assert_outcomes(passed=1, failed=2)


def test_a_script_that_is_not_done_and_errors_fail_a_test_on_a_device(
    run: Run, project: pytest.Pytester, serve: Serve
) -> None:
    project.makepyfile("""
        import pytest

        def test_script(mount):
            mount(script="focus near; wait 60").wait_until(lambda: True)

        def test_errors(mounted):
            mounted.run_script("focus near")
            mounted.body.report("no answer to anything", is_error=True)
            mounted.wait_until(lambda: any(notice.is_error for notice in mounted.notices))

        @pytest.mark.lensmount(allow=["body: no answer*"])
        def test_allowed(mounted):
            mounted.run_script("focus near")
            mounted.body.report("no answer to anything", is_error=True)
            mounted.wait_until(lambda: any(notice.is_error for notice in mounted.notices))

        def test_looked_at(mounted):
            mounted.run_script("focus near")
            mounted.body.report("no answer to anything", is_error=True)
            mounted.wait_until(lambda: any(notice.is_error for notice in mounted.notices))
            mounted.assert_clean(allow=["body: no answer*"])
    """)
    result = run("--lensmount-port", serve("lens", LENS))
    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines(
        [
            "the test is over and its script is not: 0 of 2 steps done, stopped at *",
            "errors that no assertion looked at; the marker's `allow` names those that may be:",
            "  body: no answer to anything",
        ]
    )


def test_a_second_mount_of_a_test_ends_the_first(run: Run, project: pytest.Pytester, serve: Serve) -> None:
    project.makepyfile("""
        def test_it(mount):
            first = mount()
            first.run_script("focus near")
            heard = len(first.records)
            second = mount()
            second.run_script("focus far")
            assert first.recording.path != second.recording.path
            assert len(first.records) - heard < 40
            second.assert_clean()
    """)
    run("--lensmount-port", serve("lens", LENS)).assert_outcomes(passed=1)


def test_the_lens_is_played_where_the_body_is_the_device(run: Run, project: pytest.Pytester, serve: Serve) -> None:
    project.makepyfile("""
        import pytest
        from lensmount_protocol.dialects.lmount.focus import FocusState
        from lensmount_protocol.dialects.lmount.link import BodyHello

        def test_lens(mounted, lens):
            assert lens.role.value == "lens"
            mounted.wait_until(lambda: len(mounted.messages(FocusState, "lens")) > 3)
            assert mounted.messages(BodyHello, "body")
            mounted.operate("press afl")
            mounted.run(0.05)

        def test_again(mounted):
            mounted.wait_until(lambda: len(mounted.messages(FocusState, "lens")) > 3)

        def test_body(mounted):
            mounted.run_script("focus 2m")
            raise RuntimeError("played")
    """)
    words = ("--lensmount-port", serve("body", "panasonic-s1r"), "--lensmount-play", "lens", "-rs")
    result = run(*words)
    result.assert_outcomes(passed=2, skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED *: the body is the device on *"])


def test_a_device_that_goes_away_fails_the_test_and_not_the_run(
    run: Run, project: pytest.Pytester, serve: Serve
) -> None:
    project.makepyfile("""
        import os, signal
        import pytest

        def test_unplugged(mounted):
            mounted.run_script("focus near")
            os.kill(int(os.environ["DEVICE"]), signal.SIGKILL)
            mounted.wait_until(lambda: False, within=5.0)

        def test_afterwards(mounted): pass

        @pytest.mark.lensmount(virtual=True)
        def test_virtual(mounted): mounted.run_script("focus near")
    """)
    port = serve("lens", LENS)
    result = run("--lensmount-port", port)
    result.assert_outcomes(passed=1, failed=1, errors=1)
    result.stdout.fnmatch_lines_random(
        ["E       AssertionError: the session on * has ended: *", "*no such port*", "*- lensmount recording -*"]
    )


def test_a_board_is_given_where_a_board_port_is(
    run: Run, project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.makepyfile(
        our_board="""
        from lensmount_hardware.transports.memory import memory_pair

        opened = []

        def open_board(port, role, baudrate):
            opened.append(port.rest)
            here, _there = memory_pair(["DETECT", "BODY_ATT", "LENS_ATT", "FSYNC", "V_LOGIC", "V_DRIVE"])
            return here
        """,
        test_board="""
        import our_board
        import pytest

        # There is no lens on this board.
        pytestmark = pytest.mark.lensmount(allow=["lens: sent nothing", "body: *"])

        def test_nothing_yet(board):
            assert (board.spec, board.transport, our_board.opened) == ("board:E1", None, [])

        def test_played(board, mounted):
            assert our_board.opened == ["E1"]
            assert "FSYNC" in board.transport.lines
            mounted.run(0.05)

        def test_it_stays_open(board, mounted):
            assert our_board.opened == ["E1"]
        """,
    )
    monkeypatch.setitem(__import__("lensmount_hardware.port_spec").port_spec.BUILT_IN, "board", "our_board:open_board")
    monkeypatch.syspath_prepend(project.path)
    run("--lensmount-port", "board:E1").assert_outcomes(passed=3)


@pytest.mark.parametrize(("line", "outcome"), [("FSYNC", {"passed": 1}), ("V_LOGIC", {"failed": 1})])
def test_what_an_earlier_session_left_is_no_error_where_the_lens_keeps_its_power(
    run: Run, project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, line: str, outcome: dict[str, int]
) -> None:
    project.makepyfile(
        our_port=f"""
        from lensmount_hardware.transports.memory import memory_pair

        here, there = memory_pair(["{line}"])

        def open_board(port, role, baudrate):
            return here
        """,
        test_late="""
        import our_port
        import pytest
        from lensmount_protocol.dialects.lmount.framing import EVENT
        from lensmount_protocol.dialects.lmount.power import PowerReport
        from lensmount_protocol.payload import build_payload
        from lensmount_protocol.dialect import load_dialect
        from lensmount_protocol.wire import Transmit

        def test_it(mounted):
            report = build_payload([PowerReport(draw_ma=40, peak_ma=40, reduced=0)])
            mounted.wait_until(lambda: any("supply on" in one.text for one in mounted.notices), within=3.0)
            our_port.there.send(Transmit(load_dialect("lmount").build_frame(report, EVENT, 1)))
            mounted.wait_until(lambda: any("not legal in state" in one.text for one in mounted.notices), within=3.0)
        """,
    )
    monkeypatch.setitem(__import__("lensmount_hardware.port_spec").port_spec.BUILT_IN, "board", "our_port:open_board")
    monkeypatch.syspath_prepend(project.path)
    result = run("--lensmount-port", "board:E1")
    assert result.parseoutcomes() == outcome
    error = "  body: event by the lens is not legal in state POWERED; *"
    if "failed" in outcome:
        result.stdout.fnmatch_lines(["errors that no assertion looked at; *", error])


class TestWorkers:
    """One port for each xdist worker; without xdist what it would tell is told to the same functions."""

    @pytest.mark.skipif(importlib.util.find_spec("xdist") is None, reason="pytest-xdist is not installed")
    def test_each_has_a_port_of_its_own(self, run_apart: Run, project: pytest.Pytester) -> None:
        project.makepyfile("""
            import pytest

            @pytest.mark.parametrize("number", range(8))
            def test_it(lensmount_port, worker_id, number):
                assert lensmount_port.spec == {"gw0": "serial:a", "gw1": "serial:b"}[worker_id]
        """)
        run_apart("-n", "2", "--lensmount-port", "serial:a,serial:b").assert_outcomes(passed=8)
        result = run_apart("-n", "3", "--lensmount-port", "serial:a,serial:b")
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines(["ERROR: --lensmount-port: 3 xdist workers and 2 ports; give one for each, *"])

    def test_more_workers_than_ports_end_the_run_before_it_begins(self, run: Run, project: pytest.Pytester) -> None:
        # xdist's own option, where it is not there to bring it.
        project.makeconftest("""
            def pytest_addoption(parser):
                try:
                    parser.addoption("--tx", action="append", default=[])
                except ValueError:
                    pass
        """)
        project.makepyfile("def test_it(): pass")
        words = ("-p", "no:xdist", "--tx", "popen", "--tx", "popen", "--lensmount-port")
        result = run(*words, "serial:a")
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines(["ERROR: --lensmount-port: 2 xdist workers and 1 port; give one for each, *"])
        run(*words, "serial:a, serial:b").assert_outcomes(passed=1)

    @pytest.mark.parametrize(
        ("worker", "outcome"), [("gw0", "serial:a"), ("gw1", "serial:b"), ("gw2", "no port is left for worker gw2")]
    )
    def test_a_worker_takes_the_port_of_its_number(
        self, run: Run, project: pytest.Pytester, worker: str, outcome: str
    ) -> None:
        project.makeconftest(f"def pytest_configure(config): config.workerinput = {{'workerid': '{worker}'}}")
        project.makepyfile("def test_it(lensmount_port): print(lensmount_port.spec)")
        # pytest-rerunfailures, where it is installed, takes such a worker for one that xdist has set up.
        result = run("-s", "--lensmount-port", "serial:a,serial:b", "-p", "no:junitxml", "-p", "no:rerunfailures")
        result.stdout.fnmatch_lines([f"*{outcome}*"])


SENDS = """
import pytest
from lensmount_protocol.dialect import load_dialect
LMOUNT = load_dialect("lmount")

def frame(size):
    return LMOUNT.build_frame(b"\\x61" + size.to_bytes(2, "little") + bytes(size), 3, 7)

SILENT, HELD_BACK = "lens: sent nothing", "session: *held back: UpdateBlock (0x61)*"

@pytest.mark.lensmount(allow=[SILENT, HELD_BACK])
@pytest.mark.parametrize("size", [40, 1024, 4000])
def test_raw(mounted, size):
    mounted.body.transmit(frame(size))
    with pytest.raises(AssertionError, match=r"held back: UpdateBlock \\(0x61\\); allow by name what is meant"):
        mounted.run(2)

@pytest.mark.parametrize("number", [
    pytest.param(1, marks=pytest.mark.lensmount(allow=[SILENT])),
    pytest.param(2, marks=pytest.mark.lensmount(allow=[SILENT, "*", "body: *", "session: *an unknown message*"])),
])
def test_caught(mounted, number):
    mounted.body.transmit(frame(40))
    with pytest.raises(AssertionError, match="held back"):
        mounted.run(2)

# Nothing may follow the first part, so the session ends before the body greets the lens.
@pytest.mark.lensmount(allow=[SILENT])
def test_first_part(mounted):
    mounted.body.transmit(LMOUNT.build_frame(b"\\x7e" + (900).to_bytes(2, "little") + bytes(900), 3, 7)[:-9])
    mounted.wait_until(lambda: mounted.records, within=1.0)

@pytest.mark.lensmount(allow=[SILENT, "session: *held back: an unknown message of type 0x7e*"])
def test_last_part(mounted):
    mounted.body.transmit(LMOUNT.build_frame(b"\\x7e" + (900).to_bytes(2, "little") + bytes(900), 3, 7)[-9:])
    with pytest.raises(AssertionError, match="held back: an unknown message of type 0x7e"):
        mounted.run(2)
"""


def test_raw_bytes_of_a_test_go_through_the_guard(run: Run, project: pytest.Pytester, serve: Serve) -> None:
    project.makepyfile(test_sends=SENDS)
    result = run("--lensmount-port", serve("lens", LENS))
    # A test that caught the error of the session's end fails all the same where its marker does not name that end.
    result.assert_outcomes(passed=5, failed=2)
    result.stdout.fnmatch_lines(
        ["FAILED test_sends.py::test_caught[[]1] - *", "FAILED test_sends.py::test_caught[[]2] - *"]
    )


def test_a_port_that_others_reach_is_announced_once(run: Run, project: pytest.Pytester) -> None:
    project.makepyfile(
        test_open="""
        import pytest
        @pytest.mark.lensmount(allow=["lens: sent nothing", "body: *"])
        @pytest.mark.parametrize("number", [1, 2])
        def test_nothing(mount, number):
            mount()
        """
    )
    result = run("--lensmount-port", "tcp:0.0.0.0:0?listen=1")
    result.assert_outcomes(passed=2)
    lines = result.errlines + result.outlines
    assert sum("anyone who reaches this address" in line for line in lines) == 1, lines
    result = run("--lensmount-port", "tcp:127.0.0.1:0?listen=1")
    result.assert_outcomes(passed=2)
    assert not any("anyone who reaches this address" in line for line in result.errlines + result.outlines)
