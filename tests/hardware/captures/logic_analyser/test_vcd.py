"""Value change dumps in every form that the standard and the programs of the field write."""

from collections.abc import Callable

import pytest

from lensmount_hardware.captures.formats import open_capture
from lensmount_hardware.captures.logic_analyser.vcd_reader import read_vcd
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Annotation, Burst, Edge, Role

FRAME = bytes.fromhex("f00a0002000d00190055")
CODES = {"TXD": "!", "RXD": '"', "BODY_CS": "#"}
STEP_NS = 10
Change = tuple[int, str, int]


def signal() -> list[Change]:
    """Five bytes of the body in a window at 750 000 baud, in steps of 10 ns; the lens is silent."""
    changes: list[Change] = [(0, "TXD", 1), (0, "RXD", 1), (0, "BODY_CS", 0), (5000, "BODY_CS", 1)]
    level = 1
    for index, value in enumerate(FRAME[:5]):
        bits = [0, *(value >> shift & 1 for shift in range(8)), 1]
        for number, bit in enumerate(bits):
            if bit != level:
                changes.append((10_000 + round((index * 10 + number) * 133.333), "TXD", bit))
                level = bit
    return [*changes, (20_000, "BODY_CS", 0)]


SIGNAL = signal()
END = 30_000


def header(variables: str = "", timescale: str = "$timescale 10 ns $end") -> str:
    plain = " ".join(f"$var wire 1 {code} {name} $end" for name, code in CODES.items())
    return (
        f"$date today $end {timescale} $scope module top $end {variables or plain} $upscope $end $enddefinitions $end\n"
    )


def scalar(level: int, code: str) -> str:
    return f"{level}{code}"


def body(
    change: Callable[[int, str], str] = scalar, time: Callable[[int], str] = lambda at: f"#{at}", between: str = "\n"
) -> str:
    words: list[str] = []
    for at, line, level in SIGNAL:
        words += [time(at), change(level, CODES[line])]
    return between.join([*words, time(END), ""])


def bus(order: tuple[str, ...], change: Callable[[dict[str, int]], str]) -> str:
    """The same as values of one bus, whose bits are the lines in this order, the highest first."""
    levels = dict.fromkeys(order, 0)
    words: list[str] = []
    for at, line, level in SIGNAL:
        levels[line] = level
        words += [f"#{at}", change(levels)]
    return "\n".join([*words, f"#{END}", ""])


@pytest.fixture
def read(tmp_path, wiring):
    def read(data: str | bytes, **more):
        path = tmp_path / "a.vcd"
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        records = list(read_vcd(path, wiring, more.pop("channels", None), **more).records)
        return records, [record.text for record in records if isinstance(record, Annotation)]

    return read


def assert_signal(records, resolution: float = 0.5e-9) -> None:
    bursts = [record for record in records if isinstance(record, Burst)]
    assert [(burst.sender, burst.data, burst.baudrate) for burst in bursts] == [(Role.BODY, FRAME[:5], 750_000)]
    assert bursts[0].at == pytest.approx(100e-6, abs=resolution)
    select = [(edge.at, edge.level) for edge in records if isinstance(edge, Edge) and edge.line == "BODY_CS"]
    assert select == [
        (0.0, False),
        (pytest.approx(50e-6, abs=resolution), True),
        (pytest.approx(200e-6, abs=resolution), False),
    ]


def spoken(text: str) -> str:
    """The same with commands in capitals."""
    for word in ("date", "timescale", "scope", "var", "upscope", "enddefinitions", "end"):
        text = text.replace(f"${word} ", f"${word.upper()} ").replace(f"${word}\n", f"${word.upper()}\n")
    return text


PLAIN = header() + body()
WAIT = '$dumpoff x! x" x# $end $dumpon 1! 1" 1# $end'
FORMS = {
    "plain": PLAIN,
    "one-bit vectors": header() + body(lambda level, code: f"b{level} {code}"),
    "capital vectors": header() + body(lambda level, code: f"B{level} {code}"),
    "vectors that are too long": header() + body(lambda level, code: f"b000{level} {code}"),
    "a value and its code apart": header() + body(lambda level, code: f"{level} {code}"),
    "VHDL levels": header() + body(lambda level, code: f"{'LH'[level]}{code}"),
    "times with a point": header() + body(time=lambda at: f"#{at}.0"),
    "times with an exponent": header() + body(time=lambda at: f"#{at / 1000:.3f}e3"),
    "times as fractions of a step": header(timescale="$timescale 1us $end") + body(time=lambda at: f"#{at / 100}"),
    "fractions that begin late": header() + body(time=lambda at: f"#{at}" if at < 15_000 else f"#{at}.000"),
    "one line": (header() + body(between=" ")).replace("\n", " ") + "\n",
    "tabs and empty lines": (header() + body(between="\n\n\t")).replace(" ", "\t \n"),
    "Windows line ends": PLAIN.replace("\n", "\r\n"),
    "capital commands": spoken(PLAIN),
    "no space in the timescale": header(timescale="$timescale\n\t10ns\n$end") + body(),
    "capital unit": header(timescale="$timescale 10 NS $end") + body(),
    "an end at a word": header(timescale="$timescale 10ns$end") + body(),
    "an odd step": header(timescale="$timescale 5 ns $end") + body(time=lambda at: f"#{2 * at}"),
    "initial values in a block": header() + '#0 $dumpvars x! z" bx # $end\n' + body(),
    "comments and other values": header()
    + body().replace("#5000", "$comment 0! #9 $end #5000 r1.5 volts sIDLE state $dumpall $end"),
    "no white space at the end": PLAIN.rstrip(),
    "no end of the header": PLAIN.replace("$enddefinitions $end", ""),
    "unknown commands": PLAIN.replace("$scope", "$attrbegin misc 02 x 1 $end $scope").replace(
        "#20000", "$vcdclose #1 $end #20000"
    ),
    "a scope without a name": PLAIN.replace("$scope module top $end", "$scope $end $scope begin $end"),
    "more ends of scopes than scopes": PLAIN.replace("$upscope $end", "$upscope $end $upscope $end"),
    "ports of an extended dump": header(" ".join(f"$var port 1 {code} {name} $end" for name, code in CODES.items()))
    + body(lambda level, code: f"p{'DU'[level]} {6 * (1 - level)} {6 * level} {code}"),
    "UTF-8 with a mark": b"\xef\xbb\xbf" + PLAIN.encode(),
    "UTF-16": PLAIN.encode("utf-16"),
    "UTF-16 of the other order": b"\xfe\xff" + PLAIN.encode("utf-16-be"),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_legal_form_gives_the_same_bytes(tmp_path, wiring, form):
    data = FORMS[form]
    path = tmp_path / "a.vcd"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    capture = open_capture(path, wiring)
    assert capture.format == "vcd"
    records = list(capture.records)
    assert_signal(records)
    assert not [record for record in records if isinstance(record, Annotation) and record.incomplete]


def bits(levels: dict[str, int]) -> str:
    return "b" + "".join(str(level) for level in levels.values()) + " !"


DATA_BITS = {"TXD": "data[2]", "RXD": "data[1]", "BODY_CS": "data[0]"}
HIGH_BITS = {"TXD": "data[5]", "RXD": "data[4]", "BODY_CS": "DATA[3]"}
RISING_BITS = {"TXD": "data[0]", "RXD": "data[1]", "BODY_CS": "data[2]"}
BUSES = {
    "a range": ("$var wire 3 ! data [2:0] $end", bits, {"TXD": "data[2]", "RXD": "data[1]", "BODY_CS": "data [0]"}),
    "a range at its name": (
        "$var reg 3 ! data[5:3] $end",
        bits,
        {"TXD": "data[5]", "RXD": "data[4]", "BODY_CS": "DATA[3]"},
    ),
    "a rising range": (
        "$var wire 3 ! data [0:2] $end",
        bits,
        {"TXD": "data[0]", "RXD": "data[1]", "BODY_CS": "data[2]"},
    ),
    "no range": ("$var integer 3 ! data $end", bits, {"TXD": "top.data[2]", "RXD": "data[1]", "BODY_CS": "data[0]"}),
    "numbers of bits": ("$var wire 3 ! data $end", bits, {"TXD": "2", "RXD": "1", "BODY_CS": "0"}),
    "a port of an extended dump": (
        "$var port [2:0] ! data $end",
        lambda levels: "p" + "".join("LH"[level] for level in levels.values()) + " 666 666 !",
        DATA_BITS,
    ),
    "zeros in front left out": (
        "$var wire 3 ! data [2:0] $end",
        lambda levels: "b" + (bits(levels)[1:-2].lstrip("0") or "0") + " !",
        DATA_BITS,
    ),
}


@pytest.mark.parametrize("form", BUSES)
def test_each_bit_of_a_bus_is_a_channel(read, form):
    variable, change, channels = BUSES[form]
    records, remarks = read(header(variable) + bus(("TXD", "RXD", "BODY_CS"), change), channels=channels)
    assert_signal(records)
    assert remarks == []


NAMES = {
    "bits declared one by one": ("data [2]", "data [1]", "data [0]", DATA_BITS),
    "one selected bit": ("TXD [0]", "RXD[0]", "BODY_CS [3]", {}),
    "escaped": ("\\TXD", "\\RXD", "\\BODY_CS", {}),
    "escaped with brackets": ("\\TXD[1]", "\\a/b.c", "\\+*", {"TXD": "TXD[1]", "RXD": "a/b.c", "BODY_CS": "\\+*"}),
    "spaces": ("Channel 0", "Channel 1", "Channel 10", {"TXD": "Channel 0", "RXD": "channel 1", "BODY_CS": "2"}),
    "numbers": ("D0", "D1", "D2", {"TXD": "0", "RXD": "1", "BODY_CS": "2"}),
    "quotes": ('"TXD"', "'rxd'", '"BODY_CS"', {}),
    "full names": ("a", "b", "c", {"TXD": "top.a", "RXD": "TOP.B", "BODY_CS": "c"}),
    "lines of the mount with their ends": ("BODY_TXD_LENS", "rxd_lens", "LOGIC_BODY_CS", {}),
    "names that are numbers": ("2", "0", "1", {"TXD": "2", "RXD": "0", "BODY_CS": "1"}),
}


@pytest.mark.parametrize("form", NAMES)
def test_channels_are_found_under_any_legal_name(read, form):
    *names, channels = NAMES[form]
    variables = " ".join(f"$var wire 1 {code} {name} $end" for name, code in zip(names, CODES.values(), strict=True))
    records, _ = read(header(variables) + body(), channels=channels)
    assert_signal(records)


def test_equal_names_in_scopes_prefer_the_one_that_changes(read):
    testbench = "$scope module tb $end $var wire 1 zz TXD $end $var wire 1 yy RXD $end $scope module top $end"
    text = PLAIN.replace("$scope module top $end", testbench).replace("$upscope $end", "$upscope $end $upscope $end")
    records, remarks = read(text)
    assert_signal(records)
    assert "TXD is tb.top.TXD and not tb.TXD: the only one that changes" in remarks
    assert_signal(read(text, channels={"TXD": "tb.top.TXD", "RXD": "tb.top.RXD"})[0])
    assert_signal(read(text, channels={"TXD": "top.TXD"})[0])
    records, _ = read(text, channels={"TXD": "tb.TXD"})
    assert not [record for record in records if isinstance(record, Burst)]


def test_of_two_that_change_the_one_beside_the_other_lines_is_read(read):
    noise = "$scope module noise $end $var wire 1 zz TXD $end $upscope $end "
    records, remarks = read(
        header().replace("$scope", noise + "$scope", 1) + "#0 0zz\n#1 1zz\n#2 0zz\n" + body().replace("#0\n", "")
    )
    assert_signal(records)
    assert any("TXD is top.TXD and not noise.TXD: use --channel TXD=NAME" in text for text in remarks)


def test_two_names_of_one_code_are_one_wire_and_no_question(read):
    alias = "$scope module dut $end $var wire 1 ! TXD $end $var wire 1 ! other $end $upscope $end "
    text = header().replace("$scope", alias + "$scope", 1) + body()
    records, remarks = read(text)
    assert_signal(records)
    assert remarks == []
    assert_signal(read(text, channels={"TXD": "other"})[0])


def test_a_bus_of_which_one_bit_is_used_needs_no_bit(read):
    variables = '$var wire 8 ! TXD $end $var wire 1 " RXD $end $var wire 1 # BODY_CS $end'
    wide = body(lambda level, code: f"b0000000{level} {code}" if code == "!" else f"{level}{code}")
    assert_signal(read(header(variables) + wide)[0])
    assert_signal(read(header(variables) + body())[0])
    with pytest.raises(CaptureError, match=r"TXD may be top\.TXD\[0\], top\.TXD\[1\]; use --channel TXD=top\.TXD\[0\]"):
        read(header(variables) + wide.replace("b00000000 !", "b00000010 !"))


def test_unknown_levels_leave_a_wire_as_it_is(read):
    text = body().replace("#5000", '#2500 x! z" X# bz # #5000')
    assert_signal(read(header() + text)[0])


def test_a_wire_without_a_level_is_left_out_and_named(read):
    text = "\n".join(word if not word.endswith('"') else 'x"' for word in body().split())
    records, remarks = read(header() + text + "\n")
    assert_signal(records)
    assert remarks == ["RXD: top.RXD has no level in this file; it is left out"]
    assert not any(isinstance(record, Edge) and record.line == "RXD" for record in records)


def test_a_line_can_be_left_out(read):
    records, remarks = read(PLAIN, channels={"RXD": "none"})
    assert_signal(records)
    assert remarks == []


def test_a_pause_of_the_dump_is_named_at_its_time(read):
    pause = '$dumpoff x! x" x# $end #25000 $dumpon 1! 1" 0# $end #30000'
    records, remarks = read(header() + body().replace("#30000", f"#21000 {pause}"))
    assert_signal(records)
    assert remarks == ["the dump is off from 0.000210000 s to 0.000250000 s, so nothing of that time is in the file"]
    assert [record.at for record in records if isinstance(record, Annotation)] == [pytest.approx(210e-6)]
    assert "to the end of the file" in read(header() + body() + "$dumpoff $end\n")[1][0]


@pytest.mark.parametrize(
    ("text", "incomplete"),
    [
        (body().replace("#30000", "#21000 $dumpoff $end #25000 $dumpon 1! $end #30000"), [True]),
        (body().replace("#30000", "#21000 $dumpoff $end #30000"), [True]),
        (body() + "$dumpoff $end\n", [False]),
        ("#0 $dumpvars 1! $end $dumpoff x! $end #100 $dumpon 1! $end\n" + body().replace("#0\n", ""), [False]),
    ],
    ids=["in the middle", "to the end", "in the last step", "before the first change"],
)
def test_a_pause_between_two_changes_is_a_missing_part(read, text, incomplete):
    notes = [record for record in read(header() + text)[0] if isinstance(record, Annotation)]
    assert [note.incomplete for note in notes if note.text.startswith("the dump is off from ")] == incomplete


def test_a_serial_line_that_is_inverted_is_named(read):
    changes = [(at + END * turn, level) for turn in range(4) for at, line, level in SIGNAL if line == "TXD"]
    text = "\n".join(['#0 0! 1" 0#', *(f"#{at} {level ^ 1}!" for at, level in changes), f"#{4 * END}\n"])
    records, remarks = read(header() + text)
    assert not any(isinstance(record, Burst) for record in records)
    assert [remark for remark in remarks if remark.startswith("TXD has ") and "no byte: inverted" in remark]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("#10 0!", ["a time of '#10' after 20000"]),
        ("#-5", ["a time of '#-5' after 20000"]),
        ("#1e99999999 0!", ["'#1e99999999' is no time"]),
        ("#nan", ["'#nan' is no time"]),
        ("#99999999999999999999", ["after 20000"]),
        ("hello", ["'hello' is no change of a variable"]),
        ("b012 !", ["'012' is no value"]),
        ("b !", ["is no value"]),
        ("$var wire 1 ! TXD $end", ["$var", "split the file"]),
        ("$scope module b $end", ["$scope", "split the file"]),
    ],
)
def test_damage_ends_the_reading_with_its_line(read, damage, words):
    text = body().replace(f"#{END}", f"{damage}\n#{END} 0!")
    records, remarks = read(header() + text)
    assert_signal(records)
    line = (header() + text)[: (header() + text).rindex(damage)].count("\n") + 1
    assert len(remarks) == 1
    assert all(word in remarks[0] for word in [*words, f"line {line}: ", "nothing is read from there on"])
    assert records[-1].incomplete


def test_the_line_of_damage_is_right_across_blocks(read):
    filler = "".join(
        f"#{20_000 + number} $comment some words\nthat fill {number} lines $end\n" for number in range(8000)
    )
    text = header() + body().replace(f"#{END}", filler + "#5")
    _, remarks = read(text)
    assert f"line {text[: text.index('#5' + chr(10))].count(chr(10)) + 1}: " in remarks[0]


def test_changes_of_codes_that_are_not_declared_are_counted(read):
    records, remarks = read(header() + body().replace("#5000", "#4000 1? b10 ?? x? #5000"))
    assert_signal(records)
    assert remarks == ["3 changes of codes that the header does not declare are left out"]


def test_a_dump_without_a_timescale_takes_the_rate_of_the_user(read):
    text = header(timescale="") + body()
    with pytest.raises(CaptureError, match=r"without a timescale; .*--samplerate HZ"):
        read(text)
    assert_signal(read(text, samplerate=100e6)[0])
    records, remarks = read(header(timescale="$timescale 1 ns $end") + body(), samplerate=100e6)
    assert_signal(records)
    assert remarks == ["read at 1e+08 samples a second, by --samplerate; the file itself has 1e+09"]


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ("$var wire 1 ! $end", "lacks its type, size, code or name"),
        ("$var wire 0 ! TXD $end", "a size is from 1 to"),
        ("$var wire many ! TXD $end", "a size is from 1 to"),
        ("$var wire 99999999 ! TXD $end", "a size is from 1 to"),
        ("$var event 1 ! TXD $end $var string 1 ? RXD $end", "no channel for RXD and TXD"),
        ("$scope begin x $end " * 300, "more than 256 scopes"),
        (" ".join(f"$var wire 1 {code} TXD $end" for code in range(300)), "may be any of 300 channels"),
        (" ".join(f"$var wire 1 {code} wire{code} $end" for code in range(300)), "260 more"),
    ],
)
def test_a_header_that_makes_no_sense_is_one_line(read, variables, words):
    with pytest.raises(CaptureError, match=words) as error:
        read(header(variables) + body())
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 2000


def test_a_long_word_is_refused(read):
    with pytest.raises(CaptureError, match="a token of more than"):
        read(header() + "b" + "0" * 2_000_000)
