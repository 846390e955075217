"""Cases for the verbs that need no input file: sessions, proofs, fuzzing and tables."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from lensmount_emulator.cli import demo
from lensmount_emulator.fuzz import session_fuzzer as fuzz_session
from lensmount_emulator.fuzz.monitor import Violation
from lensmount_emulator.fuzz.parser_fuzzer import ParserFuzzStats
from lensmount_emulator.fuzz.scenario import Scenario
from lensmount_emulator.fuzz.scenario_runner import ScenarioResult
from lensmount_emulator.verification.codec_equivalence import EquivalenceResult

from .exit_cases import CASES, Bench, case  # noqa: TID252  helpers of this folder
from .exit_inputs import BODY, LENS, PAIR, image, recording  # noqa: TID252  helpers of this folder

SHORT_MATRIX = ("matrix", "--dialect", "emount", "--body", BODY, "--lens", LENS, "--do", "wait 0.1", "--jobs", "1")

PRINTERS: dict[str, tuple[object, ...]] = {
    "matrix": SHORT_MATRIX,
    "verify-codec": ("verify-codec", "emount", "--cases", "5"),
    "fuzz parser": ("fuzz", "parser", "emount", "--cases", "5"),
    "fuzz session": ("fuzz", "session", "--dialect", "emount", "--steps", "2"),
    "describe": ("describe", "emount"),
    "dialects": ("dialects",),
    "profiles": ("profiles",),
    "demo": ("demo",),
    "loopback": ("loopback", *PAIR, "--duration", "1.3", "--quiet"),
    "decode": ("decode", "session.lmx"),
    "decode --verify": ("decode", "--verify", "session.lmx"),
    "explain": ("explain", "session.lmx"),
    "margins": ("margins", *PAIR, "--vary", "reply 08=1ms..3ms"),
    "fidelity": ("fidelity", "session.lmx", "--profile", LENS),
    "ledger": ("ledger", "session.lmx"),
    "shadow": ("shadow", "session.lmx", "--twin", LENS),
    "twin": ("twin", "session.lmx"),
    "replay": ("replay", "session.lmx"),
    "firmware": ("firmware", "image.lmf"),
}
"""Verb -> words that make it print."""


def _prepare(verb: str, bench: Bench) -> tuple[object, ...]:
    words = PRINTERS[verb]
    if "session.lmx" in words:
        recording(bench)
    if verb == "firmware":
        image(bench)
    if verb == "demo":
        # One scene, the shortest: each of them prints in the same way.
        scene = demo.DemoScene("One scene", BODY, LENS, "wait 0.1", wire=True)
        bench.monkeypatch.setattr(demo, "SCENES", (scene,))
    return words


def _prints(verb: str, how: str, bench: Bench) -> int:
    words = _prepare(verb, bench)
    return {"done": bench.run, "full": bench.run_on_full_disk, "pipe": bench.run_on_closed_pipe}[how](*words)


for _verb in PRINTERS:
    for _how in ("done", "full", "pipe"):
        if (_verb, _how) == ("twin", "full"):
            # Its file is the output; the case stands with the others that write files.
            continue
        if (_verb, _how) not in CASES and (_verb, _how) != ("loopback", "pipe"):
            case(_verb, _how)(partial(_prints, _verb, _how))


@case("margins", "nothing")
def _(bench: Bench) -> int:
    code = bench.run("margins", *PAIR)
    assert "margins wants one or two --vary" in bench.err
    return code


@case("margins", "dialect")
def _(bench: Bench) -> int:
    code = bench.run("margins", *PAIR, "--vary", "reply 99x")
    assert "unknown timing parameter" in bench.err
    return code


@case("margins", "missing")
def _(bench: Bench) -> int:
    code = bench.run("margins", "--lens", "./missing.toml", "--vary", "reply 08")
    assert "missing.toml" in bench.err
    return code


@case("margins", "exists")
def _(bench: Bench) -> int:
    (bench.folder / "out.svg").write_text("mine")
    code = bench.run("margins", *PAIR, "--vary", "reply 08=1ms..3ms", "--output", "out.svg")
    assert (bench.folder / "out.svg").read_text() == "mine"
    return code


@case("matrix", "nothing")
def _(bench: Bench) -> int:
    code = bench.run("matrix", "--dialect", "emount", "--lens", LENS, "--with", "*")
    assert "fits no other requested profile" in bench.err
    return code


@case("matrix", "wanting")
def _(bench: Bench) -> int:
    bench.monkeypatch.setattr(
        "lensmount_emulator.campaign.case_runner.session_error_lines", lambda _session: ["an error"]
    )
    code = bench.run(*SHORT_MATRIX)
    assert "an error" in bench.said
    return code


@case("matrix", "dialect")
def _(bench: Bench) -> int:
    code = bench.run("matrix", "--dialect", "emount", "--do", "check all")
    assert "unknown script verb 'check'" in bench.err
    return code


@case("matrix", "missing")
def _(bench: Bench) -> int:
    return bench.run("matrix", "--dialect", "emount", "--lens", "missing.toml")


@case("matrix", "exists")
def _(bench: Bench) -> int:
    assert bench.run(*SHORT_MATRIX, "--record", "cells", "--html", "page.html") == 0
    (cell,) = Path("cells").iterdir()
    cell.write_bytes(b"precious")
    code = bench.run(*SHORT_MATRIX, "--record", "cells")
    assert cell.read_bytes() == b"precious"
    assert bench.run(*SHORT_MATRIX, "--record", "cells", "--force") == 0
    # A report replaces a report of its kind, and no other file.
    assert bench.run(*SHORT_MATRIX, "--html", "page.html") == 0
    assert bench.run(*SHORT_MATRIX, "--html", cell) == 3
    assert bench.run(*SHORT_MATRIX, "--json", "page.html") == 3
    assert cell.read_bytes().startswith(b'{"lensmount":"recording"')
    return code


@case("verify-codec", "nothing")
def _(bench: Bench) -> int:
    with bench.monkeypatch.context() as patch:
        patch.setattr("lensmount_emulator.verification.codec_equivalence.compare_codecs", lambda *_: None)
        assert bench.run("prove", "emount") == 1
        assert bench.err.endswith("lensmount: nothing was compared\n")
    return bench.run("prove", "emount", "--cases", "0")


@case("verify-codec", "wanting")
def _(bench: Bench) -> int:
    def found(*arguments: Any) -> None:
        (came,) = [one for one in arguments if isinstance(one, EquivalenceResult)]
        came.mismatches += 1

    bench.monkeypatch.setattr("lensmount_emulator.verification.codec_equivalence.compare_codecs", found)
    return bench.run("prove", "emount", "--cases", "5")


@case("fuzz parser", "nothing")
def _(bench: Bench) -> int:
    with bench.monkeypatch.context() as patch:
        patch.setattr("lensmount_emulator.fuzz.parser_fuzzer.fuzz_parser", lambda *_, **__: None)
        assert bench.run("fuzz", "parser", "emount") == 1
        assert bench.err.endswith("lensmount: nothing was tried\n")
    return bench.run("fuzz", "parser", "emount", "--cases", "0")


@case("fuzz parser", "wanting")
def _(bench: Bench) -> int:
    def found(*_arguments: Any, stats: ParserFuzzStats, **_options: Any) -> None:
        stats.cases, stats.violations = 1, 1

    bench.monkeypatch.setattr("lensmount_emulator.fuzz.parser_fuzzer.fuzz_parser", found)
    return bench.run("fuzz", "parser", "emount", "--cases", "5")


@case("fuzz session", "nothing")
def _(bench: Bench) -> int:
    with bench.monkeypatch.context() as patch:
        patch.setattr(fuzz_session, "fuzz_sessions", lambda *_, **__: None)
        assert bench.run("fuzz", "session") == 1
        assert bench.err.endswith("lensmount: nothing was tried\n")
    return bench.run("fuzz", "session", "--steps", "0")


@case("fuzz session", "wanting")
def _(bench: Bench) -> int:
    story = Scenario("emount", BODY, LENS, seed=1, steps=("wait 0.1",), breaks="an invariant")
    outcome = ScenarioResult(story, [Violation("an invariant", 0.1, "is broken")], 1, [])

    def found(
        *_arguments: Any, found: Callable[[ScenarioResult], None], run: fuzz_session.FuzzRun, **_options: Any
    ) -> None:
        run.steps, run.scenarios = 1, 1
        run.broken.append(outcome)
        found(outcome)

    bench.monkeypatch.setattr(fuzz_session, "fuzz_sessions", found)
    code = bench.run("fuzz", "session", "--dialect", "emount", "--steps", "2")
    assert Path("scenario-1-1.lmx").exists()
    # A second run of the same seed keeps what the first one found.
    assert bench.run("fuzz", "session", "--dialect", "emount", "--steps", "2") == code
    assert sorted(os.listdir()) == ["scenario-1-1.lmx", "scenario-1-2.lmx"]
    return code


@case("verify-codec", "dialect")
def _(bench: Bench) -> int:
    return bench.run("prove", "zmount")


@case("fuzz parser", "dialect")
def _(bench: Bench) -> int:
    return bench.run("fuzz", "parser", "zmount")


@case("fuzz session", "dialect")
def _(bench: Bench) -> int:
    return bench.run("fuzz", "session", "--dialect", "zmount")


@case("describe", "dialect")
def _(bench: Bench) -> int:
    return bench.run("describe", "zmount")


@case("profiles", "dialect")
def _(bench: Bench) -> int:
    return bench.run("profiles", "--dialect", "zmount")


@case("loopback", "nothing")
def _(bench: Bench) -> int:
    return bench.run("loopback", "--duration", "0")


@case("loopback", "wanting")
def _(bench: Bench) -> int:
    code = bench.run("loopback", *PAIR, "--duration", "0.1", "--do", "wait 5", "--quiet")
    assert "the script was not done in 0.100 s" in bench.said
    # Nor is a script done that the body gave up; the matrix calls the same session refused, by the same finding.
    manual = ("--body", "leica-sl2", "--lens", "laowa-15mm-f2", "--do", "focus 2m; wait 1")
    assert bench.run("loopback", *manual, "--quiet") == code
    given_up = '0 of 2 steps done, given up at "focus 2m": the contact of presence stays open'
    assert f"the script was not done in 0.400 s: {given_up}\n" in bench.said
    assert bench.run("matrix", *manual, "--with", "none", "--quiet", "--jobs", "1") == 0
    assert "1 cells: 0 works, 0 reduced, 1 refused, 0 broken" in bench.said
    return code


@case("loopback", "pipe")
def _(bench: Bench) -> int:
    # A recording on the standard output ends in the same way as text does.
    with bench.monkeypatch.context() as patch:
        reader, writer = os.pipe()
        os.close(reader)
        patch.setattr("lensmount_hardware.output_file.STREAMS", {"-": writer})
        code = bench.run("loopback", *PAIR, "--duration", "1.3", "--quiet", "--record", "-")
        os.close(writer)
    assert bench.err == ""
    assert bench.run_on_closed_pipe("loopback", *PAIR, "--duration", "1.3", "--quiet") == code
    return code


@case("loopback", "dialect")
def _(bench: Bench) -> int:
    return bench.run("loopback", "--body", BODY, "--lens", "sigma-45mm-f2.8-dg-dn")


@case("loopback", "missing")
def _(bench: Bench) -> int:
    return bench.run("loopback", "--body", "missing.toml")


@case("ui", "done")
def _(bench: Bench) -> int:
    recording(bench)
    # A server that runs has no end of its own.
    bench.monkeypatch.setattr("uvicorn.Server.run", lambda *_words, **_named: None)
    code = bench.run("ui", "session.lmx", "--no-browser")
    assert "the page is at http://127.0.0.1:" in bench.said
    return code


@case("ui", "dialect")
def _(bench: Bench) -> int:
    recording(bench)
    code = bench.run("ui", "session.lmx", "--dialect", "zmount", "--no-browser")
    assert "unknown dialect 'zmount'" in bench.err
    return code


@case("ui", "missing")
def _(bench: Bench) -> int:
    code = bench.run("ui", "nothing.sr", "--no-browser")
    assert bench.err.startswith("lensmount: nothing.sr: No such file or directory")
    return code
