"""The hunt against twins with planted bugs, in virtual time: what is found, how certainly, and what brings it back."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest
from planted_bugs import LMOUNT_LENS, PLANTS, Bug, Heard, plant

from lensmount_emulator.fuzz.device.config import DeviceFuzzConfig, make_config
from lensmount_emulator.fuzz.device.corpus import SeedQueue
from lensmount_emulator.fuzz.device.executor import (
    CUT_SHORT,
    DEAD,
    LOST,
    TRANSIENT,
    CaseExecutor,
    ReproductionStats,
    classify,
    make_reference,
)
from lensmount_emulator.fuzz.device.finding import (
    FindingContext,
    RunLog,
    make_scenario,
    read_finding,
    steps_after_prelude,
)
from lensmount_emulator.fuzz.device.fuzzer import Budget, DeviceFuzzer
from lensmount_emulator.fuzz.device.observations import ResponseTrace
from lensmount_emulator.fuzz.device.recovery import (
    OPERATOR_HELPED,
    POWER_CYCLED,
    RESTARTED,
    RESYNCHRONISED,
    SILENT,
    WELL,
    HealthCheck,
    HealthLimits,
    RecoverySequence,
)
from lensmount_emulator.fuzz.device.reference_device import ReferenceDevice
from lensmount_emulator.fuzz.device.session import DeviceSession
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.dialects.lmount.exposure import FrameStart
from lensmount_protocol.dialects.lmount.focus import FocusDrive
from lensmount_protocol.dialects.lmount.link import BodyHello, Sleep
from lensmount_protocol.errors import CaptureError, ProfileError, TransportError
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Burst, Role, WireRecord

QUICK = HealthLimits(answer=0.15, speaks=2.0)
FOCUS = "crash: a focus beyond 32767"


@dataclass
class Bench:
    """A twin with bugs as the device, and all that a hunt needs."""

    setup: DeviceFuzzConfig
    bugs: dict[str, Bug]
    lines: frozenset[str] = frozenset()
    struck: list[str] = field(default_factory=list)
    heard: list[WireRecord] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.port = ReferenceDevice(self.setup, self.lines, self.made)

    def made(self) -> object:
        return plant(self.setup.make_engine(self.setup.reference, self.lines), self.bugs, self.struck.append)

    def trier(self, tap: Callable[[WireRecord], None] | None = None, **ladder: object) -> CaseExecutor:
        link = DeviceSession(self.setup, self.port, self.port.clock, tap or self.heard.append)
        ladder = {"cycle": self.port.power_cycle, "cycles": 10_000} | ladder
        return CaseExecutor(self.setup, RecoverySequence(HealthCheck(link, QUICK), **ladder))  # type: ignore[arg-type]

    def hunt(self, folder: Path | None, budget: Budget, **ladder: object) -> DeviceFuzzer:
        notebook = RunLog(folder, {"dialect": self.setup.dialect.name})
        corpus = SeedQueue(self.setup, None if folder is None else folder / "corpus.jsonl")
        twin = lambda: make_reference(self.setup, self.lines, QUICK)  # noqa: E731
        return DeviceFuzzer(self.setup, self.trier(notebook.write, **ladder), twin, corpus, notebook, budget)


def bench_of(*names: str, seed: int = 1, lines: frozenset[str] = frozenset()) -> Bench:
    return Bench(make_config("lmount", Role.LENS, seed=seed), {name: LMOUNT_LENS[name] for name in names}, lines)


def sent(message: Message, class_: int = 3, sequence: int = 9) -> str:
    return f"send body {load_dialect('lmount').build_frame(message.build(), class_, sequence).hex()}"


FAR = sent(FocusDrive(number=5, value=70_000))


@pytest.mark.parametrize("dialect", ["emount", "lmount"])
@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("carries", [False, True], ids=["bytes only", "every line"])
def test_every_twin_comes_to_a_session_and_is_well(dialect: str, role: Role, carries: bool) -> None:
    lines = frozenset(load_dialect(dialect).wiring.lines) if carries else frozenset[str]()
    trier = make_reference(make_config(dialect, role), lines, HealthLimits())
    health = trier.recovery.health
    assert health.establish_session()
    assert health.health_check() == WELL
    assert health.is_streaming()
    assert not trier.session.guard.refused
    assert trier.recovery.power_cycle()


def test_a_hunt_finds_what_is_planted_and_writes_it_to_files_that_replay(tmp_path: Path) -> None:
    names = ("crash: a payload of more than 100 bytes", "crash: a wrong checksum", "hang: eight bytes behind a message")
    bench = bench_of(*names, seed=2)
    hunt = bench.hunt(tmp_path, Budget(seconds=150, shrink_attempts=3))
    with hunt.run_log:
        hunt.run()
    assert set(bench.struck) == set(names)
    in_files = set[str]()
    for found in hunt.result.findings:
        story, whose = read_finding(Path(found.file))
        assert story.breaks == found.kind
        assert len(found.steps) <= found.tried
        if found.kind != DEAD:
            continue
        assert found.repeats == "certain, 3 of 3"
        assert (whose.role, whose.recovered_by) == ("lens", POWER_CYCLED)
        assert whose.identity.startswith("Sigma 45mm")
        fresh = bench_of(*names, seed=2)
        assert fresh.trier().run_once(steps_after_prelude(story)) == DEAD
        in_files |= set(fresh.struck)
    assert in_files == set(names)
    assert hunt.executor.recovery.step_counts[POWER_CYCLED] >= 3
    assert not hunt.result.unrecoverable
    assert len(hunt.corpus.cases) > 10


def test_a_device_without_bugs_gives_no_findings() -> None:
    bench = Bench(make_config("lmount", Role.LENS, seed=3), {})
    hunt = bench.hunt(None, Budget(seconds=1e9, cases=150))
    hunt.run()
    assert (hunt.result.cases, hunt.result.ended) == (150, "all cases have run")
    assert hunt.result.findings == []
    # Some cases put a lens to sleep or to another rate, as its twin agrees.
    assert hunt.result.lost + hunt.result.transient + hunt.executor.recovery.step_counts[RESTARTED] > 0


def test_the_same_seed_finds_the_same() -> None:
    came = list[list[tuple[str, ...]]]()
    for _ in range(2):
        hunt = bench_of("crash: a wrong checksum", seed=5).hunt(None, Budget(seconds=1e9, cases=60, shrink_attempts=2))
        hunt.run()
        came.append([found.steps for found in hunt.result.findings])
    assert came[0] == came[1] != []


def test_a_body_is_hunted_too() -> None:
    bench = Bench(make_config("lmount", Role.BODY), dict(PLANTS["lmount", "body"]))
    hunt = bench.hunt(None, Budget(seconds=30, shrink_attempts=6))
    hunt.run()
    assert bench.struck
    assert any(found.kind == DEAD for found in hunt.result.findings)


def test_a_scenario_is_made_short_step_by_step_and_field_by_field() -> None:
    bench = bench_of(FOCUS)
    hunt = bench.hunt(None, Budget(shrink_attempts=40))
    hunt.executor.recovery.health.establish_session()
    far = sent(FocusDrive(number=5, value=70_000, speed=999, frame=7), 4, 0xFF)
    hunt._confirm(
        ("wait-frame lens", "wait 0.001", sent(Sleep(), 4), "wait 0.003", far, "wait 0.002"), (), DEAD, POWER_CYCLED
    )
    (found,) = hunt.result.findings
    assert len(found.steps) == 1
    setup = bench.setup
    frame = setup.dialect.formats[Role.BODY].parse_header(bytes.fromhex(found.steps[0].split()[2]), 0)
    told = FocusDrive.parse(frame.payload)
    assert (told.value, told.speed, told.frame, frame.sequence) == (70_000, FocusDrive().speed, FocusDrive().frame, 1)
    assert found.signature == (frozenset({"type 0x20", "odd FocusDrive.value", "class 4"}),)


def test_what_breaks_the_twin_too_is_made_short_there_and_confirmed_on_the_device() -> None:
    bench = bench_of(FOCUS)
    hunt = bench.hunt(None, Budget(shrink_attempts=0))
    hunt._make_reference = lambda: make_reference(bench.setup, frozenset(), QUICK, bench.made)  # type: ignore[assignment,arg-type]
    hunt.executor.recovery.health.establish_session()
    hunt._confirm(("wait-frame lens", "wait 0.001", FAR, "wait 0.002"), (), DEAD, POWER_CYCLED)
    (found,) = hunt.result.findings
    assert (len(found.steps), found.twin, found.repeats) == (1, True, "certain, 3 of 3")


def test_a_break_that_comes_and_goes_is_called_intermittent() -> None:
    chance = Random(4)
    bench = Bench(
        make_config("lmount", Role.LENS), {"now and then": lambda heard: _far(heard) and chance.random() < 0.5}
    )
    hunt = bench.hunt(None, Budget(repeats=8, shrink_attempts=0))
    hunt.executor.recovery.health.establish_session()
    hunt._confirm((FAR,), (), DEAD, POWER_CYCLED)
    (found,) = hunt.result.findings
    assert found.repeats.startswith("intermittent, ")
    assert found.repeats.endswith(" of 8")


def _far(heard: Heard) -> bool:
    return LMOUNT_LENS[FOCUS](heard)


def test_a_break_that_needs_what_came_before_is_told_with_it() -> None:
    """Neither of two cases does it alone."""
    name = "crash: something moves behind an order of the stream"
    seen = [False]

    def late(heard: Heard) -> bool:
        seen[0] = seen[0] or heard.said("Sleep") is not None
        struck = seen[0] and _far(heard)
        seen[0] = seen[0] and not struck
        return struck

    bench = Bench(make_config("lmount", Role.LENS), {name: late})
    hunt = bench.hunt(None, Budget(shrink_attempts=12))
    hunt.executor.recovery.health.establish_session()
    calls: list[bool] = []
    bench.port._make = lambda: (calls.append(True), seen.__setitem__(0, False), bench.made())[2]  # type: ignore[assignment,return-value]
    # As news a Sleep puts nobody to sleep.
    before = (sent(Sleep(), 4), "wait 0.02", FAR, "wait 0.02")
    hunt._confirm((FAR,), before, DEAD, POWER_CYCLED)
    (found,) = hunt.result.findings
    assert [step.split()[0] for step in found.steps] == ["send", "send"]
    assert found.repeats == "certain, 3 of 3"


def test_a_session_that_is_lost_as_the_twin_loses_it_is_no_finding() -> None:
    bench = bench_of()
    hunt = bench.hunt(None, Budget())
    hunt.executor.recovery.health.establish_session()
    asleep = ("wait-frame lens", sent(Sleep()))
    assert hunt.executor.run_once(asleep) in (LOST, TRANSIENT)
    hunt._on_break(asleep, LOST, RESTARTED)
    assert hunt.result.findings == []
    assert hunt.result.lost == 1


def test_the_ladder_goes_no_higher_than_it_must() -> None:
    bench = bench_of(FOCUS)
    trier = bench.trier()
    ladder, health = trier.recovery, trier.recovery.health
    assert health.establish_session()
    trier.session.inject(b"\xe0\x60")
    assert ladder.recover() == RESYNCHRONISED
    trier.session.inject(bytes.fromhex(sent(Sleep()).split()[2]))
    trier.session.run(0.3)
    assert ladder.recover() in (RESYNCHRONISED, RESTARTED)
    assert ladder.spent == 0
    trier.session.inject(bytes.fromhex(FAR.split()[2]))
    assert health.health_check() == SILENT
    assert ladder.recover() == POWER_CYCLED
    assert ladder.spent == 1


def test_a_person_is_asked_when_no_one_else_can_help_and_the_run_ends_where_no_one_is() -> None:
    bench = bench_of(FOCUS)
    asked = list[bool]()

    def person() -> bool:
        asked.append(True)
        return len(asked) < 3 and bench.port.power_cycle()

    trier = bench.trier(cycle=None, ask_operator=person)
    assert trier.recovery.health.establish_session()
    trier.session.inject(bytes.fromhex(FAR.split()[2]))
    assert trier.recovery.recover() == OPERATOR_HELPED
    hunt = bench.hunt(None, Budget(), cycle=None)
    assert hunt.executor.recovery.health.establish_session()
    hunt.executor.session.inject(bytes.fromhex(FAR.split()[2]))
    assert hunt.executor.recovery.recover() == ""
    hunt._on_break((FAR,), DEAD, "")
    assert hunt.result.unrecoverable
    assert "no operator is there" in hunt.result.ended
    assert [found.repeats for found in hunt.result.findings] == ["not repeated, 0 of 0"]


def test_power_cycles_are_spent_and_no_more() -> None:
    bench = bench_of("crash: a wrong checksum")
    hunt = bench.hunt(None, Budget(seconds=500), cycles=4)
    hunt.run()
    assert hunt.executor.recovery.spent == 4
    assert hunt.result.unrecoverable
    assert hunt.result.ended == "the device does not recover, and the power cycles are spent"


def test_a_port_that_feeds_the_lens_takes_its_supply_itself() -> None:
    lines = frozenset(load_dialect("lmount").wiring.lines)
    bench = bench_of(FOCUS, lines=lines)
    trier = bench.trier(cycle=None)
    assert trier.session.can_switch_power
    assert trier.recovery.health.establish_session()
    # The engine stays dead in its mount, so what is seen is only that the supply goes, and when it comes again.
    before = len(bench.heard)
    trier.session.power_off()
    levels = [record.level for record in bench.heard[before:] if getattr(record, "line", "") == "V_LOGIC"]
    assert levels == [False]
    assert trier.recovery.health.establish_session()


def test_what_is_sent_is_recorded_first() -> None:
    bench = bench_of()
    order = list[str]()
    real = bench.port.send
    bench.port.send = lambda action: (order.append(type(action).__name__), real(action))[1]  # type: ignore[method-assign,func-returns-value]
    trier = bench.trier(lambda record: order.append("recorded") if isinstance(record, Burst) else None)
    trier.recovery.health.establish_session()
    order.clear()
    trier.session.inject(b"\x01")
    assert order == ["recorded", "Transmit"]

    def full(_record: WireRecord) -> None:
        raise CaptureError("no space left on device")

    trier.session._tap = full
    order.clear()
    with pytest.raises(CaptureError):
        trier.session.inject(b"\x01")
    assert order == []


def test_a_device_that_is_not_there_is_told_at_once() -> None:
    bench = Bench(make_config("lmount", Role.LENS), {"at once": lambda heard: True})
    with pytest.raises(TransportError, match="does not start a session of lmount: no bytes received"):
        bench.hunt(None, Budget()).run()


def test_broken_entries_of_a_corpus_are_left_out_and_counted(tmp_path: Path) -> None:
    setup = make_config("lmount", Role.LENS)
    path = tmp_path / "corpus.jsonl"
    good = '{"dialect":"lmount","device":"lens","steps":["wait-frame lens","send body e0"]}'
    bad = ["{", "[]", '{"steps":[]}', good.replace("lmount", "emount"), good.replace("e0", "xy")]
    bad += [good.replace("wait-frame lens", "fly"), good.replace("send body", "send lens")]
    # Steps that would end the run when their turn came.
    bad += [
        good.replace("wait-frame lens", step)
        for step in ("wait x", "wait 99", "wait-frame body", "drive Q high", "wait-frame")
    ]
    path.write_text("\n".join([good, *bad, good.replace("wait-frame", "hear")]))
    corpus = SeedQueue(setup, path)
    corpus.load()
    assert (len(corpus.cases), corpus.broken) == (2, 12)
    assert corpus.cases[0] == corpus.cases[1] == ("wait-frame lens", "send body e0")


def test_an_entry_that_a_full_disk_cut_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "corpus.jsonl"
    setup = make_config("lmount", Role.LENS)
    path.write_bytes(b'{"dialect":"lm')
    corpus = SeedQueue(setup, path)
    corpus.load()
    for number in range(2):
        corpus.add((FAR,), {ResponseTrace("S", f"{number}", "-", 0)})
    again = SeedQueue(setup, path)
    again.load()
    assert (again.cases, again.broken) == ([(FAR,), (FAR,)], 1)


def test_findings_and_recordings_of_others_are_never_written_over(tmp_path: Path) -> None:
    for name in ("finding-2.lmx", "finding-10.lmx", "finding-x.lmx", "run-3.lmx"):
        (tmp_path / name).write_text("of somebody else")
    (tmp_path / "run-4.lmx.part").write_text("of somebody else")
    story = make_scenario(make_config("lmount", Role.LENS), (FAR,), "dead")
    whose = FindingContext("lens", "serial:x", (), "", "dead", "certain, 3 of 3", "", False)
    with RunLog(tmp_path, {}) as one, RunLog(tmp_path, {}) as other:
        assert [one.recording.name, other.recording.name] == ["run-5.lmx", "run-6.lmx"]
        assert not one.recording.exists()
        paths = [each.keep(story, whose) for each in (one, other, one)]
        assert [read_finding(path) for path in paths if path] == [(story, whose)] * 3
    assert one.recording.exists()
    assert [path.name for path in paths if path] == ["finding-11.lmx", "finding-12.lmx", "finding-13.lmx"]
    assert sum(path.read_bytes() == b"of somebody else" for path in tmp_path.iterdir()) == 5


@pytest.mark.parametrize("error", [TransportError("no relay"), KeyboardInterrupt()], ids=["no power", "Ctrl-C"])
def test_what_broke_is_kept_although_the_run_ends_before_it_is_known_how(tmp_path: Path, error: BaseException) -> None:
    bench = bench_of(FOCUS)
    calls = list[int]()

    def cycle() -> bool:
        calls.append(1)
        if len(calls) > 1:
            raise error
        return bench.port.power_cycle()

    hunt = bench.hunt(tmp_path, Budget(seconds=60, repeats=1, shrink_attempts=2), cycle=cycle)
    hunt.corpus.cases.append((FAR,))
    with pytest.raises(type(error)):
        hunt.run()
    (found,) = hunt.result.findings
    assert found.repeats == "not repeated, 0 of 0"
    story, whose = read_finding(Path(found.file))
    assert whose.kind == CUT_SHORT
    assert steps_after_prelude(story) == found.steps
    assert trial_breaks(bench_of(FOCUS), found.steps)


def trial_breaks(bench: Bench, steps: tuple[str, ...]) -> bool:
    return bench.trier().run_once(steps) == DEAD


def test_the_twin_receives_what_the_run_has_allowed_and_files_say_what_that_was() -> None:
    setup = make_config("lmount", Role.LENS)
    frame = f"send body {setup.dialect.build_frame(bytes((0x7D, 1, 0, 0)), 3, 9).hex()}"
    for allowed, held in ((), 1), (("0x7d",), 0):
        twin = make_reference(setup, frozenset(), QUICK, allowed=allowed)
        twin.run_once((frame,))
        assert sum(twin.session.guard.refused.values()) == held
        assert twin.session.allowed == allowed


def test_verdicts() -> None:
    assert classify(WELL, "") == WELL
    assert classify(SILENT, RESYNCHRONISED) == TRANSIENT
    assert classify(SILENT, RESTARTED) == LOST
    assert classify(SILENT, POWER_CYCLED) == classify(SILENT, "") == DEAD
    assert [ReproductionStats(3, 3).text, ReproductionStats(3, 1).text, ReproductionStats(3, 0).text,
        ReproductionStats().text] == [
        "certain, 3 of 3", "intermittent, 1 of 3", "not repeated, 0 of 3", "not repeated, 0 of 0",
    ]  # fmt: skip


def test_profiles_of_the_wrong_end_or_dialect_are_refused() -> None:
    with pytest.raises(ProfileError, match="is a lens of lmount, not a body of lmount"):
        make_config("lmount", Role.LENS, ours="sigma-45mm-f2.8-dg-dn")
    with pytest.raises(ProfileError, match="is a lens of emount, not a lens of lmount"):
        make_config("lmount", Role.LENS, reference="sel55210")


def test_a_lens_that_is_greeted_again_behind_a_frame_signal_lives() -> None:
    """Found by fuzzing it: its report of the frame said the number -1, which no bytes can say, and it fell over."""
    build = load_dialect("lmount").build_frame
    data = build(FrameStart(frame=7, period_us=16_000).build(), 2, 9) + build(BodyHello().build(), 1, 9)
    trier = make_reference(make_config("lmount", Role.LENS), frozenset(), HealthLimits())
    assert trier.run_once(("wait-frame lens", f"send body {data.hex()}")) == WELL


def test_a_twin_that_fails_is_dead_until_its_power_is_taken() -> None:
    def fails(heard: Heard) -> bool:
        if _far(heard):
            raise ZeroDivisionError
        return False

    bench = Bench(make_config("lmount", Role.LENS), {"fails": fails})
    assert bench.trier().run_once((FAR,)) == DEAD
    assert bench.port.crashes == ["ZeroDivisionError: "]
