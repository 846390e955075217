"""A fixed share of `make guard-scan`; and that the scan fails where it has to."""

from random import Random

import pytest

from guard_scan.__main__ import (
    SENDERS,
    SHARE,
    Figures,
    Part,
    echo_library,
    main,
    missing,
    scan_firmware,
    scan_parts,
    scan_rules,
    scan_share,
    scan_steps,
    scan_twin,
    shares,
)
from guard_scan.scanner import EMOUNT, LMOUNT, build, read_rules, scan
from guard_scan.streams import KINDS, RATES, Streams
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_emulator.sessions.send_guard import SendGuard
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.wire import Burst, Role

ENDS = [(mount, role) for mount in (EMOUNT, LMOUNT) for role in Role]
HARMLESS = {"harmless_frames", "noise"}


def needs_compiler() -> None:
    if echo_library(LMOUNT, Role.BODY) is None:
        pytest.skip("no C compiler")


def test_no_forbidden_frame_passes_and_every_ordinary_one_does(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["1600", "--jobs", "1"]) == 0
    figures = {line[:28].strip(): int(line[28:]) for line in capsys.readouterr().out.splitlines()}
    assert figures["streams"] == 1600
    assert figures["forbidden messages offered"] > 1000
    assert figures["forbidden messages passed"] == 0
    assert figures["bytes passed"] > 150_000
    assert figures["ordinary frames passed"] == figures["ordinary frames"] > 2000
    assert figures["of these, made by rules"] > 500


@pytest.mark.parametrize(("mount", "role"), ENDS)
def test_without_the_guard_the_scanner_finds_forbidden_frames(mount: str, role: Role) -> None:
    figures = scan_share(mount, role, 1, 60, guarded=False)
    assert figures.passed >= figures.offered > 20


@pytest.mark.parametrize("guarded", [False, True])
@pytest.mark.parametrize(("mount", "role"), ENDS)
def test_relay_makes_no_forbidden_frame_and_passes_on_those_of_the_device(
    mount: str, role: Role, guarded: bool
) -> None:
    figures = scan_rules(mount, role, 1, 60, guarded)
    assert figures.made == figures.offered == 60
    assert figures.passed == (0 if guarded else 60)
    assert figures.went_on >= 59


@pytest.mark.parametrize("guarded", [False, True])
def test_firmware_sends_no_forbidden_frame_past_the_guard(guarded: bool) -> None:
    needs_compiler()
    figures = scan_firmware(LMOUNT, Role.BODY, 1, 60, guarded)
    assert figures.offered > 20
    assert figures.by_firmware > 60
    assert figures.passed == (0 if guarded else figures.offered)


@pytest.mark.parametrize("guarded", [False, True])
def test_twin_with_forbidden_frames_in_its_fields_sends_none(guarded: bool) -> None:
    figures = scan_twin(1, 200, guarded)
    assert figures.offered > 0
    assert figures.passed == (0 if guarded else figures.offered)
    assert figures.let_through > figures.written * 0.9


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_scan_has_each_sender_that_its_plan_names(jobs: int) -> None:
    needs_compiler()
    plan = list(shares(SHARE * 4 * len(SENDERS), 1))
    ends = {sender: {part[1:3] for part in plan if part[0] == sender} for sender in SENDERS}
    assert {sender: len(found) for sender, found in ends.items()} == {"writes": 4, "rules": 4, "firmware": 4, "twin": 1}
    # Few streams in each part; processes that begin with nothing built must not share their files.
    echo_library.cache_clear()
    parts = [(*part[:4], 10) for part in plan if part[0] in ("firmware", "twin")] * 2
    figures = scan_parts(parts, jobs)
    assert figures.by_firmware > 80
    assert figures.by_twin >= 20
    assert figures.passed == 0
    assert figures.not_built == 0


def test_a_scan_without_a_compiler_says_what_it_did_not_check(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_library(_mount: str, _role: Role) -> None:
        """As `echo_library` where there is no compiler."""

    monkeypatch.setattr("guard_scan.__main__.echo_library", no_library)
    monkeypatch.setattr("guard_scan.__main__.SENDERS", ("writes", "firmware"))
    monkeypatch.setattr("guard_scan.__main__.SHARE", 30)
    assert main(["240", "--jobs", "1"]) == 0
    assert "NOT CHECKED: 120 streams of a firmware" in capsys.readouterr().err


@pytest.mark.parametrize("sender", ["writes", "rules", "firmware", "twin"])
def test_a_scan_fails_where_a_sender_of_its_plan_sends_nothing(
    sender: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def plan(_count: int, _seed: int) -> list[Part]:
        return [("writes", EMOUNT, Role.BODY, 1, 60), (sender, EMOUNT, Role.BODY, 1, 0)]

    monkeypatch.setattr("guard_scan.__main__.shares", plan)
    assert missing(Figures(), [sender]) == [sender]
    assert main(["60", "--jobs", "1"]) == (0 if sender == "writes" else 1)
    assert (f"sent nothing, so not checked: {sender}" in capsys.readouterr().err) == (sender != "writes")


def word(argument: int, command: int, *, acknowledge: bool = False) -> bytes:
    """A valid word of the Fuji G mount, as section 3 of its specification builds it."""
    value = argument << 16 | acknowledge << 15 | command << 6
    groups = (value >> shift & 31 for shift in (27, 22, 17, 12, 7))
    return (value | ((sum(groups) + (value >> 6 & 1)) % 32) << 1).to_bytes(4, "big")


@pytest.mark.parametrize("role", Role)
def test_no_unknown_word_of_a_clocked_link_passes(role: Role) -> None:
    dialect, random = load_dialect("fuji-g"), Random(5)
    session = run_loopback("gfx50r", "gf45", script="focus 800; iris 9; sleep", seed=1)
    gate = SendGuard(dialect, role)
    sent = [record.data for record in session.records if isinstance(record, Burst) and record.sender is role]
    # Both make the same words: the session's own are those that this builds.
    commands = {int.from_bytes(data, "big") >> 6 & 0x1FF for data in sent if len(data) == 4}
    assert all(
        word(int.from_bytes(d[:2], "big"), int.from_bytes(d[2:], "big") >> 6 & 0x1FF, acknowledge=bool(d[2] & 128)) == d
        for d in sent
        if len(d) == 4
    )
    assert [data.hex() for data in sent if gate.check(data) is not None] == []
    known = {type_ for sender, type_ in dialect.messages if sender is role} | commands
    offered = passed = 0
    for _ in range(500):
        unknown = word(random.randrange(1 << 16), random.choice([one for one in range(256) if one not in known]))
        noise, good = random.randbytes(random.randrange(1, 5)), random.choice(sent)
        for burst in (
            [unknown],
            [good + unknown],
            [unknown + good],
            [unknown[:2], unknown[2:]],
            [noise + unknown],
            [noise],
        ):
            for piece in burst:
                offered += 1
                if gate.check(piece) is None:
                    passed += len(piece) != 4 and piece not in sent
                    passed += piece == unknown
    assert offered > 2_000
    assert passed == 0


def test_a_scan_of_nothing_fails() -> None:
    assert main(["0", "--jobs", "1"]) == 1


@pytest.mark.parametrize("name", sorted({kind.__name__ for kind in KINDS}))
@pytest.mark.parametrize(("mount", "role"), ENDS)
def test_streams_of_a_kind_hold_what_they_are_for(mount: str, role: Role, name: str) -> None:
    rules = read_rules(mount, role.value)
    streams = Streams(rules, Random(3))
    found = [scan_steps(rules, [RATES[mount][0], *getattr(streams, name)()]) > 0 for _ in range(40)]
    if name not in HARMLESS:
        assert sum(found) >= 15
    if name == "harmless_frames":
        assert not any(found)


def test_the_scanner_reads_the_specifications() -> None:
    assert read_rules(EMOUNT, "body").dangerous == {0x14, 0x15, 0x40, 0x4B, 0x4C}
    assert read_rules(EMOUNT, "lens").dangerous == {0x14, 0x15, 0x4B, 0x4C}
    assert read_rules(LMOUNT, "body").dangerous == {0x60, 0x61, 0x62, 0x63}
    assert read_rules(EMOUNT, "body").sizes[0x15] == 1032
    rules = read_rules(EMOUNT, "body")
    frame = build(EMOUNT, b"\x15" + bytes(1031), 1, 0)
    assert frame[:6].hex() == "f01004010015"
    assert scan(rules, b"\xf0\x01" + frame + b"\0") == [0x15]
    assert scan(rules, frame[:-1] + b"\x54") == []
    assert scan(rules, bytes.fromhex("f00b0002000b6000780055")) == []
