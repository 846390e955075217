"""The example adapter in C, with two ends: scripts, matrix rows and faults as those of our engine of an adapter."""

import re
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from lensmount_emulator.campaign.planner import plan_matrix
from lensmount_emulator.cli.main import main
from lensmount_emulator.firmware.build import BuildOptions, build_firmware, example_folder
from lensmount_emulator.firmware.isolation import run_isolated
from lensmount_emulator.firmware.library import probe_firmware
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.sessions.firmware.conformance import check_firmware
from lensmount_emulator.sessions.loopback import LoopbackResult, make_virtual_session, run_loopback
from lensmount_protocol.decoder import DecodedFrame, DecodedGarbage, Decoder
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.dialects.emount.focus import FocusMove
from lensmount_protocol.dialects.lmount.aperture_zoom import ApertureState, ZoomState
from lensmount_protocol.dialects.lmount.exposure import ControlEvent
from lensmount_protocol.dialects.lmount.focus import FocusState
from lensmount_protocol.dialects.lmount.identity import AccessoryReport, Identity, LensCapabilities, Metadata
from lensmount_protocol.dialects.lmount.link import CommandRejected
from lensmount_protocol.errors import FirmwareError, ProfileError
from lensmount_protocol.message import Message
from lensmount_protocol.wire import WireRecord

BODY, OURS = "panasonic-s1r", "emount-adapter"
LENSES = ["sel55210", "sel2870", "loxia-21", "voigtlander-15", "viltrox-ef50"]
SCRIPT = "wait 0.1; focus near; aperture f/8; wait 0.1; sleep; wake; wait 0.1; focus far"


@pytest.fixture(scope="module")
def adapter(compiler: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The example adapter, with the warnings that matter as errors."""
    options = BuildOptions(options=("-Werror", "-pedantic", "-Wconversion", "-Wno-sign-conversion", "-Wshadow"))
    folder = tmp_path_factory.mktemp("adapter")
    return str(build_firmware([example_folder() / "lmount_adapter.c"], folder / "adapter.so", options))


def play(between: str, lens: str = "sel55210", script: str = SCRIPT, **options: Any) -> LoopbackResult:
    return run_loopback(BODY, lens, accessories=[between], script=script, **options)


@pytest.mark.parametrize("lens", LENSES)
def test_each_lens_is_found_as_through_our_adapter(adapter: str, lens: str) -> None:
    sessions = [play(between, lens, "check all", seed=2) for between in (adapter, OURS)]
    assert [session.errors for session in sessions] == [[], []]
    found = [[(one.step, one.verdict, one.rule) for one in session.compatibility_results] for session in sessions]
    assert found[0] == found[1]
    assert len(found[0]) > 5
    for kind in (Identity, LensCapabilities, AccessoryReport):
        assert last(sessions[0], kind) == last(sessions[1], kind)


def last(session: LoopbackResult, kind: type[Message]) -> list[object]:
    """The values of the last message of a class, without the number of its request and a model that ours computes."""
    message = [*session.messages(kind)][-1]
    return [value for name, value in message.values().items() if name not in ("number", "model")]


def test_a_script_moves_and_wakes_the_lens_as_through_ours(adapter: str) -> None:
    sessions = [play(between, seed=1) for between in (adapter, OURS)]
    for session in sessions:
        assert session.errors == []
        assert session.finished
        assert [*session.messages(FocusState)][-1].position == 0
        assert 1536 in [state.target for state in session.messages(ApertureState)]
    ends = [[*session.messages(ApertureState)][-1] for session in sessions]
    assert (ends[0].now, ends[0].target) == (ends[1].now, ends[1].target)
    assert any("it carries E 55-210mm F4.5-6.3 OSS (0x8012)" in notice.text for notice in sessions[0].notices)


def test_the_longest_name_of_a_lens_overflows_nothing(compiler: str, tmp_path: Path) -> None:
    options = BuildOptions(worker=True, sanitize=True, options=("-O0", "-w"))
    worker = build_firmware([example_folder() / "lmount_adapter.c"], tmp_path / "adapter.worker", options)
    own = Path(str(files("lensmount_emulator.profiles"))) / "emount" / "sel55210.toml"
    text, count = re.subn(r'lens_spec = "\w+"', 'lens_spec = "E999999999999985"', own.read_text())
    assert count == 1
    lens = tmp_path / "long.toml"
    lens.write_text(text)
    session = play(str(worker), str(lens), "wait 0.1", seed=1)
    assert session.errors == []
    name = "DT PZ 9999-9999mm F9.9-9.9 ZA Fisheye SSM OSS LE II (0x8012)"
    assert f"it carries {name}" in [notice.text for notice in session.notices]


def test_a_zoom_by_hand_and_the_metadata_come_through(adapter: str) -> None:
    sessions = [play(between, script="zoom 100; expose 1/60; zoom 900", seed=1) for between in (adapter, OURS)]
    for session in sessions:
        seen = [state.focal_length_um for state in session.messages(ZoomState)]
        assert 100_000 in seen
        assert seen[-1] == 210_000
    # A body asks for it before a picture.
    texts = [{entry.tag: entry.text for entry in [*session.messages(Metadata)][-1].entries} for session in sessions]
    # Our engine computes a distance of its own, and opens wider than the lens can at this zoom.
    other = {0x9206, 0x829D}
    ours, in_c = ({tag: text for tag, text in one.items() if tag not in other} for one in reversed(texts))
    assert in_c == ours
    assert len(in_c) == 5


@pytest.mark.parametrize("script", ["smooth f/8 200ms", "velocity 500", "correct"])
def test_what_cannot_be_translated_is_refused_as_by_ours(adapter: str, script: str) -> None:
    refused = [
        {
            (one.order, one.code, one.field_number)
            for one in play(between, script=f"wait 0.1; {script}; wait 0.1", seed=1).messages(CommandRejected)
        }
        for between in (adapter, OURS)
    ]
    assert refused[0] == refused[1] != set()


def test_a_manual_lens_is_reported_once(adapter: str) -> None:
    session = play(adapter, "voigtlander-15", "wait 0.3", seed=1)
    assert [event.value for event in session.messages(ControlEvent)] == [1]
    assert [one.parts for one in session.messages(LensCapabilities)] == [0]


@pytest.mark.parametrize(
    "fault",
    [
        "bitflip rate=1e-4",
        "detach at=0.5s for=100ms",
        "brownout at=0.6s for=20ms",
        "drift by=0.5 from=lens",
    ],
)
def test_it_survives_the_faults_that_our_adapter_survives(adapter: str, fault: str) -> None:
    for between in (adapter, OURS):
        session = play(between, script="wait 0.2; focus near; wait 0.2", seed=3, faults=[fault])
        assert session.finished
        assert session.violations == []


def test_the_matrix_has_the_verdicts_of_our_adapter(adapter: str) -> None:
    rows: list[list[object]] = []
    for between in (adapter, OURS):
        planned = plan_matrix("lmount", [BODY, "sigma-fp"], ["sel2870"], [between], script="check all", seed=1)
        cells = [planned.run_cell(one) for one in planned.combinations]
        rows.append([(cell.errors, [(one.step, one.verdict) for one in cell.compatibility_results]) for cell in cells])
    assert rows[0] == rows[1]
    assert len(rows[0]) == 2


def test_it_carries_a_lens_in_c(adapter: str, tmp_path: Path) -> None:
    lens = str(build_firmware([example_folder() / "emount_lens.c"], tmp_path / "lens.so"))
    session = play(adapter, lens, "wait 0.3; zoom 50mm; focus near; wait 0.2", seed=1)
    assert session.finished
    assert session.errors == []
    positions = {one.position for one in session.messages(FocusState)}
    assert len(positions) > 2


def both_ports(adapter: str, **options: Any) -> tuple[list[WireRecord], list[WireRecord], list[str]]:
    """The traffic at both ports of a session, and what would damage a device."""

    def job(_send: Callable[[object], None]) -> tuple[list[WireRecord], list[WireRecord], list[str]]:
        near, far = list[WireRecord](), list[WireRecord]()
        session = make_virtual_session(
            BODY, "sel55210", accessories=[adapter], script=SCRIPT, seed=4, tap=near.append, **options
        )
        session.tap_inner = lambda _joint, record: far.append(record)
        session.start()
        session.run(1.6)
        for joint in (1, 0):
            session.open_joint(joint, session.now)
            session.run(session.now + 0.05)
            levels = [level for mount in session.mounts for line, level in mount.levels.items() if "DETECT" not in line]
            assert not any(levels)
            session.close_joint(joint, session.now)
            session.run(session.now + 1.0)
        return near, far, session.violations

    return run_isolated(job, adapter)


def test_both_ports_are_clean_and_repeat_in_frames_and_bytes(adapter: str) -> None:
    first = both_ports(adapter)
    assert both_ports(adapter) == first
    assert both_ports(adapter, resolution="byte") == first
    near, far, violations = first
    assert violations == []
    for dialect, records in (("lmount", near), ("emount", far)):
        events = list(Decoder(load_dialect(dialect)).decode(records))
        assert sum(isinstance(event, DecodedFrame) for event in events) > 60
        # A lens that is taken off may be in the middle of a frame.
        assert sum(isinstance(event, DecodedGarbage) for event in events) <= 4
    moves = [message for message in messages_in(far) if isinstance(message, FocusMove)]
    assert moves


def messages_in(records: list[WireRecord]) -> list[object]:
    events = Decoder(load_dialect("emount")).decode(records)
    return [message for event in events if isinstance(event, DecodedFrame) for message in event.messages]


def test_it_keeps_the_rules_of_the_interface(adapter: str) -> None:
    results = check_firmware(adapter)
    assert [one for one in results if not one.passed] == []
    assert len(results) == 14


FAR_BYTES = "void lm_fw_on_far_bytes(lm_fw *fw, const uint8_t *data, uint32_t size, uint64_t now_us)\n{\n"


def changed(folder: Path, before: str, after: str) -> str:
    """The example with a change of its source, compiled."""
    for example in example_folder().glob("*.[ch]"):
        (folder / example.name).write_text(example.read_text())
    source = folder / "lmount_adapter.c"
    text = source.read_text()
    assert text.count(before) == 1
    source.write_text(text.replace(before, after))
    return str(build_firmware([source], folder / "adapter.so", BuildOptions(options=("-w", "-O0"))))


def test_a_flood_at_the_far_port_is_noticed(compiler: str, tmp_path: Path) -> None:
    # In a session each call has a frame, or one byte of it.
    floods = (
        "    static uint8_t b[8192];\n    if (size > 1 && data[0] != 0xF0)\n"
        "        for (int i = 0; i < 4; i++) fw->host->far_transmit(fw->host->ctx, b, sizeof b);\n"
    )
    results = {one.name: one for one in check_firmware(changed(tmp_path, FAR_BYTES, FAR_BYTES + floods))}
    assert not results["noise and flood"].passed
    assert "bytes on its emount port under a flood" in results["noise and flood"].detail


def test_an_adapter_that_ends_its_process_fails_its_checks(compiler: str, tmp_path: Path) -> None:
    results = {one.name: one for one in check_firmware(changed(tmp_path, FAR_BYTES, FAR_BYTES + "    _exit(3);\n"))}
    assert len(results) == 14
    assert not results["session"].passed
    assert not results["noise and flood"].passed
    assert "before the firmware receives anything" in results["noise and flood"].detail


def test_an_adapter_stands_between_the_ends_only(adapter: str, lens: str) -> None:
    assert probe_firmware(adapter).role_text == "an adapter"
    with pytest.raises(ProfileError, match="is an adapter; a lens is needed here"):
        run_loopback(BODY, adapter)
    with pytest.raises(ProfileError, match="is a lens; an adapter is needed here"):
        run_loopback(BODY, "sel55210", accessories=[lens])
    with pytest.raises(ProfileError, match="its far side needs the dialect emount, not lmount"):
        run_loopback(BODY, "sigma-45mm-f2.8-dg-dn", accessories=[adapter])
    with pytest.raises(ProfileError, match="an adapter in C carries the lens itself, so it is named last"):
        run_loopback(BODY, "sel55210", accessories=[adapter, OURS])
    assert load_profile(adapter).title == "Example adapter 1.0 (firmware)"


def test_the_flag_mounts_the_adapter(adapter: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["loopback", "--adapter-firmware", adapter, "--body", BODY, "--lens", "sel55210", "--script", "wait 0.1"]
    assert main([*words, "--quiet"]) == 0, capsys.readouterr().out


OLD = """
#include <stdint.h>
#include "lensmount_firmware.h"
struct lm_fw { int nothing; };
struct old { uint32_t abi, size; const char *dialect, *name, *version; uint32_t roles, memory, alignment;
             uint64_t rises, falls; };
static const struct old INFO = {ABI, sizeof INFO, "lmount", "old", "1", ROLES, sizeof(struct lm_fw), 8, 0, 0};
const lm_info *lm_fw_info(void) { return (const lm_info *)(const void *)&INFO; }
lm_fw *lm_fw_init(void *m, const lm_host *h, const lm_setup *s, uint64_t n) { (void)h, (void)s, (void)n; return m; }
void lm_fw_on_bytes(lm_fw *f, const uint8_t *d, uint32_t s, uint64_t n) { (void)f, (void)d, (void)s, (void)n; }
void lm_fw_on_line(lm_fw *f, uint32_t l, uint32_t v, uint64_t n) { (void)f, (void)l, (void)v, (void)n; }
void lm_fw_on_timer(lm_fw *f, uint32_t t, uint64_t n) { (void)f, (void)t, (void)n; }
"""


@pytest.mark.parametrize(
    ("abi", "roles", "text"),
    [
        (1, 2, ""),
        (2, 2, "lm_info has 64 bytes; version 2 has 88"),
        (1, 4, "lacks the function lm_fw_on_far_bytes, which an adapter has"),
        (4, 2, "has version 4 of the interface; this lensmount has 1 to 3"),
    ],
)
def test_a_library_of_the_first_version_still_runs(
    compiler: str, tmp_path: Path, abi: int, roles: int, text: str
) -> None:
    source = tmp_path / "old.c"
    source.write_text(OLD)
    library = build_firmware(
        [source], tmp_path / "old.so", BuildOptions(options=(f"-DABI={abi}", f"-DROLES={roles}u", "-O0"))
    )
    if text:
        with pytest.raises(FirmwareError, match=text):
            probe_firmware(library)
    else:
        assert probe_firmware(library).roles == ("lens",)
        session = run_loopback(BODY, str(library), seconds=0.2)
        assert not [notice for notice in session.notices if notice.kind.name == "FIRMWARE_FAULT"]
