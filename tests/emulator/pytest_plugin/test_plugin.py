"""The plugin in somebody else's repository: fixtures, markers, ini keys, options, and what a failure tells."""

import shlex
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., pytest.RunResult]

PASSES = """
def test_focus(mount):
    mounted = mount(body="panasonic-s1r", lens="sigma-45mm-f2.8-dg-dn")
    mounted.run_script("focus 2m")
    mounted.assert_clean()
"""

FAILS = """
from lensmount_protocol.dialects.lmount.link import CommandDone

def test_focus(mount):
    mounted = mount(body="panasonic-s1r", lens="sigma-45mm-f2.8-dg-dn", seed=7)
    mounted.run_script("focus 2m")
    mounted.expect(CommandDone, number=99, within=0.1)
"""


def properties_of(xml: Path) -> dict[str, str]:
    (case,) = ElementTree.parse(xml).iter("testcase")
    return {each.attrib["name"]: each.attrib["value"] for each in case.iter("property")}


def test_a_passing_test_says_nothing(run: Run, project: pytest.Pytester) -> None:
    project.makepyfile(PASSES)
    result = run()
    result.assert_outcomes(passed=1)
    assert "lensmount" not in result.stdout.str().partition("\n\n")[2]


class TestFailing:
    def test_the_report_tells_the_scenario_the_file_and_the_command(self, run: Run, project: pytest.Pytester) -> None:
        project.makepyfile(FAILS)
        result = run("--lensmount-timeline", "5")
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(
            [
                ">       mounted.expect(CommandDone, number=99, within=0.1)",
                "E       AssertionError: no CommandDone(number=99) within 0.1 s of *; 2 came, the last: 85 *",
                "E       the last 5 lines, in milliseconds:",
                "*- lensmount timeline -*",
                "*PowerReport*",
                "*- lensmount recording -*",
                "*.lmx",
                "*- lensmount replay -*",
                "lensmount loopback --body panasonic-s1r --lens sigma-45mm-f2.8-dg-dn --seed 7 --script 'focus 2m' --d*"
                "  # the same session, byte for byte",
            ]
        )
        # The traceback ends in the test, not in the plugin.
        assert "pytest_plugin" not in result.stdout.str()

    def test_junit_xml_has_it_too(self, run: Run, project: pytest.Pytester) -> None:
        project.makepyfile(FAILS)
        run("--junitxml", "report.xml").assert_outcomes(failed=1)
        told = properties_of(project.path / "report.xml")
        assert list(told) == [
            "lensmount_explanation",
            "lensmount_timeline",
            "lensmount_recording",
            "lensmount_view",
            "lensmount_replay",
        ]
        assert len(told["lensmount_timeline"].splitlines()) == 30
        assert Path(told["lensmount_recording"]).read_bytes().count(b"\n") > 200
        assert told["lensmount_replay"].startswith("lensmount loopback --body panasonic-s1r ")
        view = shlex.split(told["lensmount_view"])
        assert view[:-1] == ["lensmount", "ui", told["lensmount_recording"], "--at"]
        # The moment is in the session, at whose end the test failed.
        seconds = shlex.split(told["lensmount_replay"], comments=True)[-1]
        assert 0 < float(view[-1]) <= float(seconds)

    def test_any_failure_tells_it_wherever_it_comes_from(self, run: Run, project: pytest.Pytester) -> None:
        project.makepyfile("""
            import pytest

            def test_of_its_own(mounted):
                mounted.run(0.5)
                assert mounted.now == 7

            @pytest.fixture
            def broken_setup(mounted):
                mounted.run(0.5)
                raise RuntimeError("setup")

            def test_setup(broken_setup): pass

            @pytest.fixture
            def broken_teardown(mounted):
                mounted.run(0.5)
                yield
                raise RuntimeError("teardown")

            def test_teardown(broken_teardown): pass

            def test_before_anything_was_received(mount):
                mount()
                raise RuntimeError("early")
        """)
        result = run("--junitxml", "report.xml")
        result.assert_outcomes(passed=1, failed=2, errors=2)
        assert result.stdout.str().count(" lensmount timeline ") == 4
        result.stdout.fnmatch_lines(["no traffic"])
        cases = list(ElementTree.parse(project.path / "report.xml").iter("testcase"))
        told = [[each.attrib["name"] for each in case.iter("property")] for case in cases]
        names = [
            "lensmount_explanation",
            "lensmount_timeline",
            "lensmount_recording",
            "lensmount_view",
            "lensmount_replay",
        ]
        # A test that fails before any traffic has nothing to explain.
        assert told == [names] * 3 + [names[1:]]

    def test_nothing_is_lost_when_python_dies(self, run_apart: Run, project: pytest.Pytester) -> None:
        project.makepyfile("""
            import os

            def test_dies(mounted):
                mounted.run(1.0)
                os._exit(9)
        """)
        assert run_apart("--lensmount-record", "kept").ret == 9
        (file,) = (project.path / "kept").glob("*.lmx.part")
        assert file.name.startswith("test_nothing_is_lost_when_python_dies.py-test_dies-")
        lines = file.read_bytes().splitlines(keepends=True)
        assert len(lines) > 100
        assert lines[-1].endswith(b"}\n")


class TestRecord:
    def test_the_folder_keeps_what_each_test_received(self, run: Run, project: pytest.Pytester) -> None:
        project.makepyfile("""
            import pytest

            @pytest.mark.parametrize("at", ["a/b", "a-b"])
            def test_of(mount, recording, at):
                mount().run(0.1)
                first = recording.path
                mount().run(0.2)
                assert recording.path != first
                assert recording.records
        """)
        run("--lensmount-record", "kept", "--junitxml", "report.xml").assert_outcomes(passed=2)
        names = sorted(path.name for path in (project.path / "kept").iterdir())
        assert len(names) == 4
        told = [each.attrib["value"] for each in ElementTree.parse(project.path / "report.xml").iter("property")]
        assert sorted(Path(path).name for path in told) == names

    def test_without_it_recordings_go_where_pytest_keeps_such_things(self, run: Run, project: pytest.Pytester) -> None:
        project.makepyfile("""
            def test_of(mounted, recording, tmp_path_factory):
                mounted.run(0.1)
                assert recording.path.is_relative_to(tmp_path_factory.getbasetemp())
        """)
        run().assert_outcomes(passed=1)
        assert not list(project.path.rglob("*.lmx"))


class TestChoice:
    def test_markers_go_before_the_ini_file_and_the_closest_marker_before_the_others(
        self, run: Run, project: pytest.Pytester
    ) -> None:
        project.makeini("[pytest]\naddopts = --strict-markers\nlensmount_lens = sigma-45mm-f2.8-dg-dn\n")
        project.makepyfile("""
            import pytest

            def ends(mounted):
                return mounted.report(1)[-1][1].split()[3:6:2]

            def test_ini(mounted):
                assert ends(mounted) == ["panasonic-s1r", "sigma-45mm-f2.8-dg-dn"]

            @pytest.mark.lensmount(dialect="emount")
            def test_dialect(mounted):
                assert ends(mounted) == ["a6000", "sel55210"]

            @pytest.mark.lensmount(body="leica-sl2", seed=3)
            class TestIn:
                def test_class(self, mounted):
                    assert ends(mounted) == ["leica-sl2", "sigma-45mm-f2.8-dg-dn"]
                    assert "--seed 3" in mounted.report(1)[-1][1]

                @pytest.mark.lensmount(body="leica-cl", script="focus near")
                def test_function(self, mounted):
                    assert ends(mounted) == ["leica-cl", "sigma-45mm-f2.8-dg-dn"]
                    assert "--seed 3 --script 'focus near'" in mounted.report(1)[-1][1]

                def test_call(self, mount):
                    assert ends(mount("panasonic-s1", seed=4)) == [
                        "panasonic-s1", "sigma-45mm-f2.8-dg-dn"
                    ]
        """)
        run().assert_outcomes(passed=5)

    def test_a_dialect_in_the_ini_file(self, run: Run, project: pytest.Pytester) -> None:
        project.makeini("[pytest]\nlensmount_dialect = lmount\n")
        project.makepyfile("def test_it(mounted): assert mounted.dialect.name == 'lmount'")
        run().assert_outcomes(passed=1)

    def test_a_list_in_the_marker_runs_the_test_with_each(self, run: Run, project: pytest.Pytester) -> None:
        project.makepyfile("""
            import pytest

            @pytest.mark.lensmount(body=["leica-sl2", "leica-cl"], lens=("sigma-45mm-f2.8-dg-dn",))
            def test_it(lens, body):
                assert (lens.role.value, body.role.value) == ("lens", "body")
        """)
        result = run("-v")
        result.assert_outcomes(passed=2)
        result.stdout.fnmatch_lines(["*::test_it?leica-sl2-sigma-45mm-f2.8-dg-dn? *", "*::test_it?leica-cl-sigma-*"])

    @pytest.mark.parametrize("marker", ["'leica-sl2'", "bodi='leica-sl2'"])
    def test_a_marker_that_says_something_else_is_reported(
        self, run: Run, project: pytest.Pytester, marker: str
    ) -> None:
        project.makepyfile(f"import pytest\n@pytest.mark.lensmount({marker})\ndef test_it(mounted): pass")
        result = run()
        assert result.ret != 0
        known = "body, lens, accessories, script, seed, dialect, rules, allow, virtual, lens_firmware, body_firmware"
        result.stdout.fnmatch_lines([f"*marker lensmount takes {known} by name, not *"])

    def test_fixtures_are_parts_of_one_default_mount(self, run: Run, project: pytest.Pytester) -> None:
        project.makepyfile("""
            def test_it(mounted, body, lens, bench, recording):
                bench.run(0.2)
                assert (mounted.body, mounted.lens, mounted.virtual_session) == (body, lens, bench)
                assert bench.body is body and bench.lens is lens
                assert recording.records == mounted.records != []
                assert mounted.now == 0.2
        """)
        run().assert_outcomes(passed=1)

    def test_someone_elses_dialect_is_played_like_ours(
        self, run: Run, project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, third_party_packages: list[Path]
    ) -> None:
        for path in third_party_packages:
            monkeypatch.syspath_prepend(path)
        project.makeini("[pytest]\nfilterwarnings = error\nlensmount_dialect = toy\n")
        project.makepyfile("""
            import pytest
            from lensmount_protocol.errors import DialectError
            from lensmount_toy import Ping, Pong

            def test_it(mounted):
                mounted.run_script("ping 3; ping 4")
                assert [pong.number for pong in mounted.messages(Pong)] == [3, 4]
                assert mounted.expect(Pong, number=4).temperature == 2930
                with pytest.raises(DialectError, match="a body of toy sends no requests"):
                    mounted.request(Ping(number=5))
                mounted.assert_clean()
                assert "--body toy-body --lens toy-lens --script 'ping 3; ping 4'" in mounted.report(9)[-1][1]
        """)
        run().assert_outcomes(passed=1)


class TestHardware:
    def test_is_skipped_with_one_line_until_a_port_is_given(self, run: Run, project: pytest.Pytester) -> None:
        project.makepyfile("""
            import pytest

            @pytest.mark.lensmount_hardware
            def test_device(mounted): raise RuntimeError("played")

            def test_board(board): raise RuntimeError("played")
        """)
        result = run("-rs")
        result.assert_outcomes(skipped=2)
        result.stdout.fnmatch_lines(
            [
                "SKIPPED *: needs a device; give its port with --lensmount-port",
                "SKIPPED *: needs a board; give its port with --lensmount-port board:…",
            ]
        )

    def test_nothing_is_opened_until_a_test_plays(self, run: Run, project: pytest.Pytester) -> None:
        project.makepyfile("""
            import pytest

            @pytest.mark.lensmount_hardware
            def test_nothing(): pass

            @pytest.mark.lensmount(virtual=True)
            def test_virtual(mounted): mounted.run_script("wait 0.01")

            def test_plays(mounted): pass
        """)
        port = ("--lensmount-port", "serial:/nowhere/at/all")
        result = run(*port, "--collect-only")
        assert result.ret == 0
        result.stdout.fnmatch_lines(["lensmount: plays the body on serial:/nowhere/at/all"])
        result = run(*port)
        result.assert_outcomes(passed=2, errors=1)
        result.stdout.fnmatch_lines(["*no such port*"])

    def test_what_is_virtual_only_is_skipped_on_a_port(self, run: Run, project: pytest.Pytester) -> None:
        project.makepyfile("""
            def test_between(mount):
                mount("panasonic-s1r", "sigma-150-600mm-f5-6.3-dg-dn-os", ["sigma-tc-1411"])
        """)
        result = run("--lensmount-port", "serial:/nowhere/at/all", "-rs")
        result.assert_outcomes(skipped=1)
        result.stdout.fnmatch_lines(["*sigma-tc-1411 between the ends is virtual, and a device is on serial:/nowhere*"])


class TestOptions:
    @pytest.mark.parametrize(
        ("words", "line"),
        [
            (["--lensmount-timeline", "none"], "ERROR: --lensmount-timeline is 'none', not a whole number from 1 on"),
            (
                ["--lensmount-port", "serial:a,serial:a"],
                "ERROR: --lensmount-port: 'serial:a' is given twice; each worker needs a port of its own",
            ),
            (
                ["--lensmount-port", "/dev/ttyUSB0"],
                "ERROR: --lensmount-port: port '/dev/ttyUSB0' has no scheme; write serial:/dev/ttyUSB0, or SCHEME:*",
            ),
            (
                ["--lensmount-port", "serial:a,serail:b"],
                "ERROR: --lensmount-port: port 'serail:b': unknown scheme 'serail'; known: board, pty, *",
            ),
            (["--lensmount-play", "both"], "*argument --lensmount-play: invalid choice: 'both' (choose from*"),
        ],
    )
    def test_a_wrong_one_ends_the_run_with_one_line(
        self, run: Run, project: pytest.Pytester, words: list[str], line: str
    ) -> None:
        project.makepyfile(PASSES)
        result = run(*words)
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines([line])

    def test_the_plugin_can_be_left_out(self, project: pytest.Pytester) -> None:
        project.makepyfile("def test_it(request): assert not request.config.pluginmanager.has_plugin('lensmount')")
        project.runpytest("-p", "no:lensmount").assert_outcomes(passed=1)


def test_a_run_that_uses_none_of_it_imports_none_of_it(run_apart: Run, project: pytest.Pytester) -> None:
    project.makepyfile("""
        import sys

        HEAVY = {"construct", "crcmod", "numpy", "rich", "msgspec", "serial", "lensmount_protocol"}

        def test_none(request):
            assert request.config.pluginmanager.has_plugin("lensmount_emulator.pytest_plugin")
            assert not HEAVY & set(sys.modules)
            ours = {name for name in sys.modules if name.startswith("lensmount_emulator.")}
            assert {name.split(".")[1] for name in ours} == {"pytest_plugin"}

        def test_some(mounted):
            assert "lensmount_emulator.sessions.virtual_session" in sys.modules
    """)
    run_apart().assert_outcomes(passed=2)


class TestWhereAFailureIsShown:
    WRONG = """
        def test_it(mount):
            mount(lens="sigma-45mm-f2.8-dg-dn").run_script("focus 200 miles")
        """

    def test_a_mistake_is_one_line_behind_the_line_of_the_test(self, run: Run, project: pytest.Pytester) -> None:
        project.makepyfile(self.WRONG)
        result = run()
        result.stdout.fnmatch_lines(
            [
                '>       mount(lens="sigma-45mm-f2.8-dg-dn").run_script("focus 200 miles")',
                "E       lensmount_protocol.errors.ScriptError: script step 'focus 200 miles': wants near, far, *",
            ],
            consecutive=True,
        )
        assert "roles" not in result.stdout.str()

    def test_a_full_trace_has_everything(self, run: Run, project: pytest.Pytester) -> None:
        project.makepyfile(self.WRONG)
        assert "parse_script" in run("--full-trace").stdout.str()

    def test_an_error_of_the_test_itself_is_left_as_it_is(self, run: Run, project: pytest.Pytester) -> None:
        project.makepyfile("""
            def test_it(mounted):
                mounted.wait_until(lambda: {}["missing"])
        """)
        run().stdout.fnmatch_lines(["*lensmount_emulator*pytest_plugin*virtual.py:*", "*KeyError: 'missing'"])

    def test_who_is_not_there_is_told_without_a_trace(self, run: Run, project: pytest.Pytester) -> None:
        project.makepyfile("""
            import pytest

            @pytest.mark.lensmount(lens="a6000")
            def test_it(mounted): pass
        """)
        result = run()
        result.assert_outcomes(errors=1)
        result.stdout.fnmatch_lines(
            ["*ERROR at setup of test_it*", "profile 'a6000' is a body; a lens is needed here", "*short test summ*"],
            consecutive=True,
        )

    def test_the_message_tells_the_end_and_the_report_the_rest(self, run: Run, project: pytest.Pytester) -> None:
        project.makepyfile(FAILS)
        told = run().stdout.str()
        assert "E       the last 12 lines, in milliseconds:" in told
        section = told.partition(" lensmount timeline ")[2].partition(" lensmount recording ")[0]
        assert len(section.splitlines()[1:-1]) == 30


class TestAgain:
    def test_each_attempt_keeps_its_recording_and_its_properties(self, run: Run, project: pytest.Pytester) -> None:
        pytest.importorskip("pytest_rerunfailures", reason="pytest-rerunfailures runs a test again")
        project.makepyfile("""
            import pytest

            tries = [0]

            @pytest.mark.flaky(reruns=1)
            def test_flaky(mounted):
                tries[0] += 1
                mounted.run(0.1 * tries[0])
                assert tries[0] > 1
        """)
        words = ("--lensmount-record", "kept", "--junitxml", "report.xml")
        assert run(*words).parseoutcomes() == {"passed": 1, "rerun": 1}
        first, second = sorted((project.path / "kept").iterdir(), key=lambda path: len(path.name))
        assert second.name == f"{first.stem}-attempt2.lmx"
        assert 0 < first.stat().st_size < second.stat().st_size
        cases = list(ElementTree.parse(project.path / "report.xml").iter("testcase"))
        told = [[(each.attrib["name"], each.attrib["value"]) for each in case.iter("property")] for case in cases]
        # The first attempt failed, so its report has the timeline and the command as well; the second has only its own.
        assert [name for name, _ in told[0]] == [
            "lensmount_explanation",
            "lensmount_timeline",
            "lensmount_recording",
            "lensmount_view",
            "lensmount_replay",
        ]
        assert Path(dict(told[0])["lensmount_recording"]).name == first.name
        assert [(name, Path(value).name) for name, value in told[-1]] == [("lensmount_recording", second.name)]

    def test_a_second_run_keeps_the_recordings_of_the_first(self, run: Run, project: pytest.Pytester) -> None:
        project.makepyfile("def test_of(mounted):\n    mounted.run(0.1)\n")
        for _ in range(2):
            run("--lensmount-record", "kept").assert_outcomes(passed=1)
        assert len(list((project.path / "kept").glob("*.lmx"))) == 2
