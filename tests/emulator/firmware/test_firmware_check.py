"""The conformance checks of firmware: the example passes each, and each notices a firmware that breaks its rule."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lensmount_emulator.firmware.build import BuildOptions, build_firmware, example_folder
from lensmount_emulator.firmware.lines import lines_header
from lensmount_emulator.sessions.firmware.conformance import CHECKS, check_firmware
from lensmount_protocol.dialect import load_dialect

EXAMPLE = "lmount_lens.c"


def changed(tmp_path: Path, *pairs: tuple[str, str], example: str = EXAMPLE) -> str:
    """The example with changes of the headers that it includes, compiled."""
    texts = {file.name: file.read_text() for file in example_folder().glob("*.[ch]")}
    for before, after in pairs:
        places = [name for name, text in texts.items() if name.endswith(".h") and before in text]
        assert places
        texts |= {place: texts[place].replace(before, after, 1) for place in places}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    options = BuildOptions(options=("-w", "-O0"))
    return str(build_firmware([tmp_path / example], tmp_path / "lens.so", options, overwrite=True))


def failed(library: str) -> set[str]:
    return {one.name for one in check_firmware(library) if not one.passed}


def test_the_example_passes_every_check(lens: str) -> None:
    results = check_firmware(lens)
    assert [one for one in results if not one.passed] == []
    assert {one.name for one in results} == {"session", *CHECKS}


def test_state_outside_of_the_instance_is_noticed(compiler: str, tmp_path: Path) -> None:
    library = changed(
        tmp_path,
        ("    frame[4] = sequence;\n", "    static uint8_t shared;\n    frame[4] = shared++;\n"),
    )
    assert {"second instance", "two instances", "copy and continue"} <= failed(library)


def test_a_time_of_32_bits_is_noticed(compiler: str, tmp_path: Path) -> None:
    library = changed(
        tmp_path,
        (
            "set_timer(fw->host->ctx, timer, at); }",
            "set_timer(fw->host->ctx, timer, at == LM_NEVER ? at : (uint32_t)at); }",
        ),
    )
    assert "long time" in failed(library)


def test_a_reaction_to_each_call_of_a_frame_is_noticed(compiler: str, tmp_path: Path) -> None:
    library = changed(
        tmp_path,
        ("    fw->rx_at = now_us;\n", "    fw->rx_at = now_us;\n    fw->sequence++;\n"),
    )
    assert "byte and frame" in failed(library)


def test_output_without_a_supply_is_noticed(compiler: str, tmp_path: Path) -> None:
    library = changed(
        tmp_path,
        ("    if (!fw->logic)\n        return;\n", ""),
        ("    fw->rx_at = now_us;\n", "    fw->rx_at = now_us;\n    attention(fw, true);\n"),
    )
    assert "unpowered" in failed(library)


def test_a_line_of_the_other_end_is_noticed(compiler: str, tmp_path: Path) -> None:
    library = changed(
        tmp_path,
        ("    drive(fw, LMOUNT_RXD, true);\n", "    drive(fw, LMOUNT_RXD, true), drive(fw, LMOUNT_TXD, true);\n"),
    )
    assert {"session", "own lines"} <= failed(library)


def test_an_adapter_that_leaves_its_far_port_alone_is_noticed(compiler: str, tmp_path: Path) -> None:
    library = changed(
        tmp_path,
        ("fw->host->far_drive_line(fw->host->ctx, line, level); }", "(void)fw, (void)line, (void)level; }"),
        example="lmount_adapter.c",
    )
    details = {one.name: one.detail for one in check_firmware(library) if not one.passed}
    assert details["own lines"] == "it drives no line of its port to emount"


@pytest.mark.parametrize("dialect", ["lmount", "emount"])
def test_the_header_numbers_the_lines_as_the_wiring_does(dialect: str) -> None:
    header = lines_header(dialect)
    for number, line in enumerate(load_dialect(dialect).wiring.lines):
        assert f"    {dialect.upper()}_{line} = {number}," in header


def test_an_early_end_fails_each_check_in_one_line(faulty: Callable[[int], str]) -> None:
    results = check_firmware(faulty(8))
    assert "calls the host outside of an event" in results[0].detail
    assert len(results) == 14
    assert {"session", "noise and flood"} <= {one.name for one in results if not one.passed}
