"""Text files from outside: their encodings, and the limits of TOML."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lensmount_emulator.campaign.config import load_campaign
from lensmount_emulator.faults.rule import load_rules
from lensmount_emulator.learn.alphabet import load_alphabet
from lensmount_emulator.profiles.library import load_profile
from lensmount_hardware.input_file import read_text
from lensmount_protocol.errors import CaptureError, MountError

RULES = '[[rules]]\non = "LensStatus"\ndo = "drop"\n'
READERS: dict[str, Callable[[Path], object]] = {
    "a profile": lambda path: load_profile(str(path)),
    "a campaign": load_campaign,
    "rules": load_rules,
    "an alphabet": lambda path: load_alphabet(str(path)),
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_names_the_encoding(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_bytes(RULES.encode(encoding))
    assert read_text(path, 1000, "a text") == RULES
    assert load_rules(path) == ["rule on=LensStatus do=drop"]


@pytest.mark.parametrize(("data", "words"), [(b"\xff\xfea", "no UTF-16 text"), (b"a\xff", "no UTF-8 text: .*byte 1")])
def test_bytes_that_are_no_text_are_an_error(data: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(data)
    with pytest.raises(CaptureError, match=words):
        read_text(path, 1000, "a text")


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    "text",
    [
        *("x = " + "9" * 5000, "x = " + "[" * 60_000, "a." * 90_000 + "a = 1", "x = inf", "\ufeff\ufeff", "x = \0"),
        "#" * 2_000_000,
    ],
    ids=["digits", "deep", "dotted", "infinite", "marks", "control", "large"],
)  # fmt: skip
def test_every_reader_of_toml_refuses_what_is_beyond_its_limits(reader: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(MountError) as refusal:
        READERS[reader](path)
    assert "\n" not in str(refusal.value)
