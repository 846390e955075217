"""The evidence ledger: each kind of hypothesis on made series, labels, and the verb."""

import json
from pathlib import Path

import pytest

from lensmount_emulator.cli.main import main
from lensmount_emulator.fidelity.ledger.hypotheses import rank_hypotheses
from lensmount_emulator.fidelity.ledger.labels import Label, covered_share, parse_label, parse_labels
from lensmount_emulator.fidelity.ledger.ledger import make_ledger
from lensmount_emulator.fidelity.ledger.series import MAX_FRAMES, MessageSeries, Value, collect_series
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_hardware.captures.lmx import RecordingWriter
from lensmount_protocol.decoder import DecodedFrame, Decoder
from lensmount_protocol.dialects.emount.dialect import EMOUNT
from lensmount_protocol.errors import CaptureError, DialectError
from lensmount_protocol.wire import Role

COUNT = 60


def series(values: list[Value], **context: list[Value]) -> MessageSeries:
    made = MessageSeries("Made", Role.LENS, count=len(values))
    made.fields["x"] = list(values)
    made.context = {name.replace("__", " ").replace("_DOT_", "."): list(column) for name, column in context.items()}
    made.times = [number * 0.1 for number in range(len(values))]
    made.sessions = [0] * len(values)
    return made


def irregular(number: int) -> int:
    return number * number % 17


def best(made: MessageSeries, *labels: Label) -> tuple[str, str, int, int]:
    first = rank_hypotheses(made, "x", labels)[0]
    return first.kind, first.text, first.right, first.total


def test_constant_field_has_one_hypothesis() -> None:
    assert best(series([7] * COUNT)) == ("constant", "constant 0x7", COUNT, COUNT)


def test_echo_is_of_the_peer_and_copy_of_the_device() -> None:
    values: list[Value] = [irregular(number) for number in range(COUNT)]
    other: list[Value] = [irregular(number + 3) for number in range(COUNT)]
    assert best(series(values, last__Body=values, other=other))[:2] == ("echo", "echo of last Body")
    assert best(series(values, Other_DOT_y=values, last__Body=other))[:2] == ("copy", "copy of Other.y")


def test_affine_field_names_its_offset_and_its_sign() -> None:
    values: list[Value] = [irregular(number) for number in range(COUNT)]
    more: list[Value] = [irregular(number) + 0x20 for number in range(COUNT)]
    less: list[Value] = [0x40 - irregular(number) for number in range(COUNT)]
    assert best(series(more, y=values))[:2] == ("affine", "y + 0x20")
    assert best(series(less, y=values))[:2] == ("affine", "minus y + 0x40")


def test_counter_counts_transitions_within_a_session() -> None:
    made = series([(number * 0x20 + 0x10) % 0x100 for number in range(COUNT)])
    kind, text, right, total = best(made)
    assert (kind, right, total) == ("counter", COUNT - 1, COUNT - 1)
    assert text == "counter, +0x20 a frame, modulo 0x100"
    made.sessions = [number // 30 for number in range(COUNT)]
    assert best(made)[3] == COUNT - 2


def test_correlation_prefers_few_rows_and_takes_a_count_along() -> None:
    key: list[Value] = [number // 7 % 3 for number in range(COUNT)]
    parity: list[Value] = [number % 2 for number in range(COUNT)]
    values: list[Value] = [5 * int(a) + 100 * int(b) + int(a) * int(b) for a, b in zip(key, parity, strict=True)]
    made = series(values, last__row=key)
    made.context["count modulo 2"] = list(parity)
    first = rank_hypotheses(made, "x")[0]
    assert (first.kind, first.right) == ("correlates", COUNT)
    assert first.details == {"with": ["last row", "count modulo 2"], "rows": 6}


def test_noise_is_ranked_below_what_predicts_values() -> None:
    base: list[Value] = [1000 + 40 * irregular(number) for number in range(COUNT)]
    values: list[Value] = [int(value) + number * 7 % 3 - 1 for number, value in enumerate(base)]
    kinds = [one.kind for one in rank_hypotheses(series(values, plan=base), "x")]
    assert kinds[0] == "noise"
    assert rank_hypotheses(series(values, plan=base), "x")[0].text == "noise from -1 to +1 around plan"
    assert rank_hypotheses(series(base, plan=base), "x")[0].kind == "copy"


def test_label_explains_changes_in_its_time() -> None:
    values: list[Value] = [irregular(number) if 20 <= number < 30 else 0 for number in range(COUNT)]
    found = rank_hypotheses(series(values), "x", [Label(1.95, 3.05, "turned the ring")])
    label = next(one for one in found if one.kind == "label")
    assert label.right == label.total
    assert label.details["share_of_frames"] == pytest.approx(11 / COUNT, abs=0.02)
    assert "changes with 'turned the ring'" in label.text


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("12.3 s: turned the ring", Label(12.3, 13.3, "turned the ring")),
        ("12s - 15.5 s: zoom", Label(12.0, 15.5, "zoom")),
        ("3: a: b", Label(3.0, 4.0, "a: b")),
    ],
)
def test_labels_are_parsed(text: str, label: Label) -> None:
    assert parse_label(text) == label


@pytest.mark.parametrize("text", ["", "ring", "12.3 s", "-1 s: x", "5 - 4: x", "1 s:   ", "1 s: " + 300 * "x"])
def test_text_that_is_no_label_is_refused(text: str) -> None:
    with pytest.raises(DialectError, match="label"):
        parse_label(text)


def test_files_of_labels_have_comments() -> None:
    labels = parse_labels(["# what I did\n", "\n", "1 s: a\n", "2 s: b"])
    assert [label.text for label in labels] == ["a", "b"]
    assert covered_share(labels, "a", [0.5, 1.5, 2.5, 3.5]) == 0.25
    with pytest.raises(DialectError, match="the most"):
        parse_labels(["1 s: a"] * 2000)


def session() -> list[DecodedFrame]:
    records = run_loopback("nex7", "voigtlander-15", seconds=1.2).records
    return [one for one in Decoder(EMOUNT).decode(records) if isinstance(one, DecodedFrame)]


def test_ledger_of_a_session_finds_the_rules_of_its_lens() -> None:
    entries = {entry.name: entry for entry in make_ledger([session()], EMOUNT)}
    assert entries["LensStatus.row_index_a"].hypotheses[0].merit > 0.9
    assert any("RowSelect.row_a" in one.text for one in entries["LensStatus.row_index_a"].hypotheses)
    assert "modulo 2" in entries["LensStatus.row_b"].hypotheses[0].text
    unknown = entries["LensStatus.unknown_28"]
    assert unknown.unknown
    assert (unknown.values, unknown.hypotheses[0].kind) == (1, "constant")


def test_values_beside_a_message_are_in_one_order_in_every_process() -> None:
    for one in (one for one in collect_series([session()]) if one.message in ("BodyMode", "FocusStatus")):
        beside = [name for name, column in one.context.items() if " modulo " not in name and column[0] is not None]
        assert beside == sorted(beside)
        assert len(beside) > 5


def test_long_captures_are_bounded() -> None:
    frames = [one for one in session() if one.frame.payload[:1] == b"\x06"]
    many = frames * (MAX_FRAMES // len(frames) + 2)
    (one,) = (one for one in collect_series([many]) if one.message == "FocusStatus")
    assert (one.count, one.kept) == (len(many), MAX_FRAMES)


def test_label_outside_of_the_capture_is_an_error() -> None:
    frames = session()
    with pytest.raises(CaptureError, match="outside of the captures"):
        make_ledger([frames], EMOUNT, labels=[Label(900.0, 901.0, "late")])
    with pytest.raises(CaptureError, match="no field to look at"):
        make_ledger([[one for one in frames if one.sender is Role.BODY]], EMOUNT)


def test_verb_prints_a_table_and_one_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.lmx"
    with RecordingWriter(path, {"dialect": "emount"}) as writer:
        for record in run_loopback("nex7", "voigtlander-15", seconds=1.0).records:
            writer.write(record)
    assert main(["ledger", str(path), "--label", "0.9 s - 0.95 s: looked"]) == 0
    out = capsys.readouterr().out
    assert "label, 0.9 s to 0.95 s: looked" in out
    assert "LensStatus.row_index_a" in out
    assert main(["ledger", str(path), "--role", "body", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["dialect"] == "emount"
    assert data["fields"]["BodyState.cycle_phase"]["hypotheses"]
    assert main(["ledger", str(path), "--label", "ring"]) == 2


def test_a_label_of_a_megabyte_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(DialectError, match=r"is none; write '12\.3 s: turned the ring'"):
        parse_label("0.145 s: turned the rin" + " " * 1_000_000 + "x\n")
