"""Sniffer logs: every form that the sniffer and its author are known to write, and damage."""

import json
import random

import pytest

from lensmount_hardware.captures import sniffer_log
from lensmount_hardware.captures.signatures import is_text
from lensmount_hardware.captures.sniffer_log import read_sniffer_log
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Annotation, Burst, Edge, Role

FRAME = "F00A0002000D00190055"
LONG = "F02900020001FFFFFFFFFFFFFF01000000000000000000000000000000000000000000000000260755"
ORDER = "F0200001AB03C22E0000060000000055F0"


@pytest.fixture
def read(tmp_path, wiring):
    """The records of a log."""

    def read(text: str) -> list:
        path = tmp_path / "log.txt"
        path.write_text(text, newline="")
        return list(read_sniffer_log(path, wiring).records)

    return read


def bursts(records) -> list[tuple[int | None, str, str]]:
    return [
        (None if r.at is None else round(r.at * 1e6), r.sender.value, r.data.hex().upper())
        for r in records
        if isinstance(r, Burst)
    ]


def edges(records) -> list[tuple[int, str, bool]]:
    return [(round(record.at * 1e6), record.line, record.level) for record in records if isinstance(record, Edge)]


def remarks(records) -> list[str]:
    return [record.text for record in records if isinstance(record, Annotation)]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("colon", ["", ":"])
def test_messages_with_and_without_a_time(read, colon, newline):
    lines = [f"Body->Lens{colon} {FRAME} 5716647", f"Lens->Body{colon} {FRAME.lower()}", ""]
    records = read(newline.join(lines))
    assert bursts(records) == [(5716647, "body", FRAME), (None, "lens", FRAME)]
    assert records[0] == Burst(5.716647, Role.BODY, bytes.fromhex(FRAME), 750_000, None, whole=True)
    assert remarks(records) == []


def test_a_last_message_without_a_newline_is_read(read):
    assert bursts(read(f"Body->Lens: {FRAME}")) == [(None, "body", FRAME)]


def test_marks_are_edges_and_capitals_are_rises(read):
    text = "c 7124848\nC 7124910\n[B:7208717]\n[L:7209717]\n[b:7213951]\n[l:7214268]\n"
    assert edges(read(text)) == [
        (7124848, "VD", False),
        (7124910, "VD", True),
        (7208717, "BODY_CS", True),
        (7209717, "LENS_CS", True),
        (7213951, "BODY_CS", False),
        (7214268, "LENS_CS", False),
    ]


def test_a_message_under_its_type_and_time_with_a_mark_inside_its_bytes(read):
    records = read(
        f"[B:7219156]\nFB 7219249\nBody->Lens 1 7219791\n[b:7219887]\n{LONG[:52]}[L:7220826]\n{LONG[52:]}\n 7221001\n"
    )
    assert bursts(records) == [(7219791, "body", LONG)]
    assert edges(records) == [
        (7219156, "BODY_CS", True),
        (7219887, "BODY_CS", False),
        (7220826, "LENS_CS", True),
    ]
    assert [type(record) for record in records] == [Edge, Burst, Edge, Edge]
    assert remarks(records) == []


def test_a_mark_whose_beginning_was_printed_over(read):
    records = read(f"Body->Lens 3 7284081\n{FRAME[:8]}:7284131]\n{FRAME[8:]}\n 7284436\n")
    assert bursts(records) == [(7284081, "body", FRAME)]
    assert remarks(records) == ["line 2: an edge mark without its beginning: :7284131]"]


def test_bytes_printed_over_the_end_of_a_mark(read):
    records = read(f"Body->Lens D 7517636\n{FRAME[:10]}[b:7517{FRAME[10:]}\n 7517995\n")
    assert bursts(records) == [(7517636, "body", FRAME)]
    assert remarks(records) == ["line 2: an edge mark without its end: [b:7517"]


def test_a_message_that_was_begun_and_printed_again_counts_once(read):
    again = "FB 7517242\nBody->Lens D 7517636\n"
    records = read(f"Body->Lens D 7517636\n{FRAME[:8]}[b:7517[B:7517148]\n{again}{FRAME}\n 7517995\n")
    assert bursts(records) == [(7517636, "body", FRAME)]
    assert any(FRAME[:8] in text and "line 1" in text for text in remarks(records))
    assert edges(records) == [(7517148, "BODY_CS", True)]


def test_tails_stuck_to_a_message_stay_its_bytes(read):
    tail = "C22E00551455141C0000060200020002010000002F1515CE0255"
    assert bursts(read(f"Body->Lens 3 8735505\n{FRAME}\n{tail}\n{tail}\n 8852625\n")) == [
        (8735505, "body", FRAME + tail + tail)
    ]


def test_hand_spaced_bytes_are_one_message_and_their_last_group_is_no_time(read):
    assert bursts(read("Body->Lens F00A0002  000D00  190055 9086184\n")) == [(9086184, "body", FRAME)]
    assert bursts(read("Body->Lens F00A0002  000D00  19 0055\n")) == [(None, "body", FRAME)]
    assert bursts(read("Body->Lens F00A0002  000D00  1900 123455\n")) == [(123455, "body", FRAME[:-2])]
    assert bursts(read("Body->Lens 3 9085826\n[b:9085878]\nF00A0002  000D00190055 9086184")) == [
        (9086184, "body", FRAME)
    ]


def test_what_has_no_direction_is_a_remark_with_its_line(read):
    records = read(
        f"# Camera: NEX7\n//A7\n{FRAME}\nBody->Lens: {FRAME} 3119499\n 3119514\n{FRAME}\n\n{FRAME}\n"
        "518\nlcs: 1 1484617\n"
    )
    assert bursts(records) == [(3119499, "body", FRAME)]
    assert remarks(records) == [
        "line 1: # Camera: NEX7",
        "line 2: //A7",
        f"line 3: {FRAME}",
        f"line 6: {FRAME}",
        f"line 8: {FRAME}",
        "line 9: 518",
        "line 10: lcs: 1 1484617",
    ]


@pytest.mark.parametrize(
    "between", [f"{FRAME}\n", " 3119514\n0055\n", "\n0055\n"], ids=["a frame", "closing time", "empty line"]
)
def test_a_complete_message_is_over_with(read, between):
    records = read(f"Body->Lens: {FRAME} 3119499\n{between}")
    assert bursts(records) == [(3119499, "body", FRAME)]
    assert [text.split(": ")[1] for text in remarks(records)] == [between.split()[-1]]


def test_two_messages_on_one_line_are_two(read):
    assert bursts(read(f"Body->Lens: {FRAME} 123456 Lens->Body: {LONG}\n")) == [
        (123456, "body", FRAME),
        (None, "lens", LONG),
    ]


@pytest.mark.parametrize(
    ("text", "data", "word"),
    [
        ("Body->Lens: F00A0\n", "F00A", "half a byte, 0"),
        ("Body->Lens:\n\nBody->Lens: F0", "F0", "no bytes"),
        ("Body->Lens: F00A zz 55\n", "F00A", "zz 55"),
        ("Body->Lens: F0 [b:12\n", "F0", "[b:12"),
        ("Body->Lens: F0zz0055[b:12\nBody->Lens: F1", "F1", "F0zz0055"),
    ],
)
def test_nothing_is_lost_without_a_word(read, text, data, word):
    records = read(text)
    assert data in [hexadecimal for _, _, hexadecimal in bursts(records)]
    assert any(word in remark for remark in remarks(records))


@pytest.mark.parametrize("text", ["Body->Lens: no bytes\n", "Lens->Body\n"])
def test_a_log_without_a_record_is_refused(read, text):
    with pytest.raises(CaptureError, match=r"log\.txt"):
        read(text)


@pytest.mark.parametrize(
    ("head", "verdict"),
    [
        (b"# Camera: NEX7\r\n" * 100 + b"Body->Lens F0", True),
        (b"\xff\x00 noise\nLens->Body: F0", True),
        (b"c 7124848\nC 7124910\n", True),
        (b"[B:7208717]", True),
        (b"a letter to somebody\n", False),
        (b'{"t_us":1}', False),
    ],
)
def test_a_log_is_known_by_its_lines(head, verdict):
    assert is_text(head) is verdict


def test_damaged_logs_never_raise_and_what_follows_is_read(read):
    whole = (
        "c 7124848\nC 7124910\n[B:7208717]\nFB 7219249\nBody->Lens 1 7219791\n[b:7219887]\n"
        f"{LONG[:52]}[l:7220826]\n{LONG[52:]}\n 7221001\nLens->Body: {FRAME} 7221100\n"
    )
    rng = random.Random(11)
    for _ in range(2000):
        text = list(whole)
        for _ in range(rng.randint(1, 6)):
            start = rng.randrange(len(text))
            match rng.randrange(3):
                case 0:
                    text[start] = rng.choice(whole + "\0é")
                case 1:
                    del text[start : start + rng.randint(1, 30)]
                case _:
                    text[start:start] = rng.sample(whole, 3)
        records = read("".join(text) + f"\nBody->Lens: {FRAME} 1234567\n")
        assert bursts(records)[-1] == (1234567, "body", FRAME)
        assert all("\n" not in remark for remark in remarks(records))


@pytest.mark.parametrize(
    ("name", "remarked"),
    [
        ("nex7-sony-28-70mm-at-70mm", 14),
        ("nex7-clocks-and-sync-lines", 8),
        ("nex7-voigtlander-15mm-f4.5-inf", 0),
        ("nex7-zeiss-28mm-at-2.8-init", 13),
        ("fullinit", 72),
        ("mainloop_nex7_a7", 2),
    ],
)
def test_the_logs_beside_the_project(emount_captures, wiring, name, remarked):
    records = list(read_sniffer_log(emount_captures / f"{name}.txt", wiring).records)
    frames = [json.loads(line) for line in (emount_captures / f"{name}.frames.jsonl").read_text().splitlines()]
    told = bursts(records)
    # The one message with debris stuck to it: the reader keeps it, the decoded file says that it was dropped.
    expected = [(frame["t_us"], frame["dir"], frame["hex"].upper()) for frame in frames]
    debris = [len(frame.get("note", "").split("debris of ")[1:]) * 182 for frame in frames]
    trimmed = [
        (at, sender, data[: len(data) - 2 * surplus]) for (at, sender, data), surplus in zip(told, debris, strict=True)
    ]
    assert trimmed == expected
    assert len(remarks(records)) == remarked
    lines = emount_captures / f"{name}.lines.jsonl"
    expected_edges = [json.loads(line) for line in lines.read_text().splitlines()] if lines.is_file() else []
    assert sorted(edges(records)) == [(edge["t_us"], edge["line"], edge["level"]) for edge in expected_edges]


BASILISK = """\
18:07:32.868 * tx 16023 F0 0A 00 02 00 0D 00 19 00 55
18:07:32.874 * rx 16028 F0 0A 00 02 00 0D 00 19 00 55
18:07:32.875 * std step=01 reply_len=33
18:07:32.875 * tx 16029 F0 0A 00 02
00 0D 00 19 00 55
"""


def test_basilisk_trace_has_frames_with_the_time_of_the_board(read):
    records = read(BASILISK)
    assert is_text(BASILISK.encode())
    assert bursts(records) == [(16023000, "body", FRAME), (16028000, "lens", FRAME), (16029000, "body", FRAME)]
    assert remarks(records) == ["line 3: 18:07:32.875 * std step=01 reply_len=33"]


@pytest.mark.parametrize(
    ("line", "time_us"),
    [
        (f"tx {FRAME}", None),
        (f"TX: {FRAME.lower()}", None),
        ("rx F0 0A 00 02 00 0D 00 19 00 55", None),
        ("RX: 0xF0, 0x0A, 0x00, 0x02, 0x00, 0x0D, 0x00, 0x19, 0x00, 0x55", None),
        ("  tx 7 F0 0A 00 02 00 0D 00 19 00 55", 7_000),
        ("00:01:02 tx F0 0A 00 02 00 0D 00 19 00 55", 62_000_000),
        ("[00:01:02,5] * rx F0:0A:00:02:00:0D:00:19:00:55", 62_500_000),
    ],
)
def test_trace_lines_of_other_forms(read, line, time_us):
    sender = "body" if "tx" in line.lower() else "lens"
    assert is_text(line.encode() + b"\n")
    assert bursts(read(line + "\n")) == [(time_us, sender, FRAME)]


@pytest.mark.parametrize("header", ["body -> lens", "Body->Lens:", "BODY=>LENS", "camera → lens", "Camera-->Lens"])
def test_headers_of_other_spellings(read, header):
    records = read(f"{header} {FRAME} 1234\n{' -> '.join(['lens', 'body'])} {FRAME} 5678\n")
    assert is_text(f"{header} {FRAME}".encode())
    assert bursts(records) == [(1234, "body", FRAME), (5678, "lens", FRAME)]


@pytest.mark.parametrize(
    "mark", ["[b:7220826]", "\nc 7220826\n", "C 7220826\n", "\nFB 7220826\n", " [L:7220826]\n", "\n"]
)
@pytest.mark.parametrize("header", ["Body->Lens 29 7219791\n", "Body->Lens "])
def test_mark_inside_a_message_costs_no_byte(read, mark, header):
    for place in range(6, len(LONG) - 4):
        records = read(f"{header}{LONG[:place]}{mark}{LONG[place:]}\n 7221001\n")
        assert [data for _, _, data in bursts(records)] == [LONG]
        assert remarks(records) == []


@pytest.mark.parametrize("byte_form", ["{}", "0x{}", "{},", "0x{}, "])
def test_bytes_that_were_copied_from_source_code(read, byte_form):
    spaced = " ".join(byte_form.format(FRAME[at : at + 2]) for at in range(0, len(FRAME), 2))
    assert bursts(read(f"Body->Lens: {spaced}\n")) == [(None, "body", FRAME)]


def test_a_message_that_is_longer_than_any_frame_is_over(tmp_path, wiring):
    path = tmp_path / "endless.txt"
    path.write_text("Body->Lens F0 FF FF\n" + "00\n" * 70_000)
    records = list(read_sniffer_log(path, wiring).records)
    assert len(records[0].data) == 65_537
    assert "00" in records[-1].text


def test_many_lines_that_are_no_record_are_counted(tmp_path, wiring, monkeypatch):
    monkeypatch.setattr(sniffer_log, "MAX_REMARKS", 10)
    path = tmp_path / "notes.txt"
    path.write_text("Body->Lens F00B0002000B60007800 55\n" + "# note\n" * 30)
    records = list(read_sniffer_log(path, wiring).records)
    assert isinstance(records[0], Burst)
    assert [one.text for one in records[1:]] == [
        *(f"line {number}: # note" for number in range(2, 12)),
        "20 more remarks of this kind were left out",
    ]
    assert records[-1].incomplete


DIGITS = "0123456789ABCDEF"


def test_messages_on_one_line_are_read_like_those_in_other_spellings(read):
    random_ = random.Random(5)
    for _ in range(60):
        # Ends that look like a mark of the sniffer, lengths that are short or long, and times of any length.
        body = "".join(random_.choices(DIGITS, k=random_.choice((0, 2, 3, 8)))) + random_.choice(("", "FB", "0C", "C"))
        declared = (6 + len(body)) // 2 + random_.choice((0, 0, 1, 3))
        time = "".join(random_.choices("123456789", k=random_.choice((3, 5, 8))))
        lines = [f"{header} F0{declared:02X}00{body} {time}" for header in ("Body->Lens", "Lens->Body")]
        plain = "\n".join(lines) + "\n"
        # The reader takes the general way for another spelling of the header.
        assert read(plain) == read(plain.replace("->", " -> "))
