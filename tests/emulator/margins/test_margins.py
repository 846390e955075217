"""Margins: parameters by name, limits by bisection, islands, rates of a jitter, maps, pictures, and refusals."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from lensmount_emulator.cli.main import main
from lensmount_emulator.explain.explainer import session_knowledge
from lensmount_emulator.fuzz.device.config import make_config
from lensmount_emulator.fuzz.device.reference_device import ReferenceDevice
from lensmount_emulator.margins.parameters import find_parameter, list_parameters, parse_value
from lensmount_emulator.margins.point import LivePoints, PointResult, VirtualPoints
from lensmount_emulator.margins.results import margin_lines, result_to_dict
from lensmount_emulator.margins.run import find_margins, parse_varied, run_margins
from lensmount_emulator.margins.search import (
    BROKEN,
    OURS,
    SEEN,
    JitterMargin,
    Margin,
    MarginMap,
    Search,
    find_margin,
    grid_values,
    logistic_fit,
)
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.reports.margin_charts import margin_svg
from lensmount_protocol.errors import FaultError, ProfileError
from lensmount_protocol.wire import Role

BODY, LENS = load_profile("nex7"), load_profile("voigtlander-15")
REPLY = find_parameter("reply 08", BODY, LENS)


def points_that_work(low: float, high: float, *holes: float) -> Search:
    """A search over a made-up parameter: it works from `low` to `high`, and not near the holes."""

    def run(values: Mapping[str, float], _seed: int | None) -> PointResult:
        (value,) = values.values()
        works = low <= value <= high and not any(abs(value - hole) < hole / 10 for hole in holes)
        return PointResult(works, "" if works else "made up")

    return Search(run)


@pytest.mark.parametrize(
    ("text", "name", "nominal", "rule"),
    [
        ("reply 08", "lens reply 08", 700.0, "reply 08"),
        ("VD to 05", "lens status_after_vd", None, "VD to 05"),
        ("VD period", "body vd_period", 16_683.0, "VD period"),
        ("setup fast", "lens setup fast", None, "lens set-up"),
        ("body setup slow", "body setup slow", None, "body set-up"),
        ("01 to request 07", "body next_request 01 07", None, "01 to request 07"),
        ("lens reply 3F", "lens reply 3F", None, None),
        ("vd jitter", "VD jitter", 0.0, None),
        ("lens clock", "lens clock", 0.0, None),
    ],
)
def test_a_parameter_is_found_by_name_or_rule(text: str, name: str, nominal: float | None, rule: str | None) -> None:
    found = find_parameter(text, BODY, LENS)
    assert found.name == name
    assert nominal is None or found.nominal == nominal
    assert (found.bounds.rule if found.bounds else None) == rule


@pytest.mark.parametrize("text", ["nonsense", "reply", "VD clock", "lens late", "jitter jitter jitter", ""])
def test_an_unknown_parameter_is_one_line(text: str) -> None:
    with pytest.raises(ProfileError, match="unknown timing parameter") as raised:
        find_parameter(text, BODY, LENS)
    assert "\n" not in str(raised.value)


def test_every_listed_parameter_is_found_and_its_nominal_value_is_legal() -> None:
    for one in list_parameters(BODY, LENS):
        assert find_parameter(one.name, BODY, LENS).name == one.name
        assert one.changed(BODY if one.end is Role.BODY else LENS, one.nominal) is not None


@pytest.mark.parametrize(("text", "value"), [("1.5ms", 1500.0), ("200us", 200.0), ("2s", 2e6), ("7", 7.0)])
def test_values_have_units(text: str, value: float) -> None:
    assert parse_value(text, REPLY) == value


@pytest.mark.parametrize("text", ["", "x", "-1us", "5%", "1e99s", "nan", "inf"])
def test_other_values_are_refused(text: str) -> None:
    with pytest.raises(FaultError, match="is no value of"):
        parse_value(text, REPLY)


@pytest.mark.parametrize("text", ["reply 08=5..1", "reply 08=5", "reply 08=1..2..3"])
def test_a_bad_range_is_refused(text: str) -> None:
    with pytest.raises(FaultError):
        parse_varied(text, BODY, LENS)


def test_bisection_finds_both_limits_to_one_per_cent() -> None:
    nominal = REPLY.nominal
    margin = find_margin(points_that_work(nominal / 7, 123_456.0), REPLY, 0.0, 1e7)
    assert margin.upper.value <= 123_456.0 <= (margin.upper.broken or 0.0)
    assert margin.upper.value > 123_456.0 * 0.985
    assert margin.lower.value >= nominal / 7 >= (margin.lower.broken or 0.0)
    assert margin.upper.reason == "made up"
    assert margin.islands == []
    assert [margin.region(value) for value in (1.0, nominal, 100_000.0, 200_000.0)] == [BROKEN, SEEN, OURS, BROKEN]


def test_a_hole_inside_the_limits_is_an_island() -> None:
    grid = grid_values(0.0, 1e6, 24)
    margin = find_margin(points_that_work(0.0, 9e6, grid[15]), REPLY, 0.0, 1e6)
    assert [(round(value), works) for value, works in margin.islands] == [(round(grid[15]), False)]
    assert any("island" in line for line in margin_lines(margin))


def test_a_value_that_no_profile_may_have_is_not_broken() -> None:
    margins = find_margins("sigma-fp", "sigma-45mm-f2.8-dg-dn", ["lens cycle"])
    assert isinstance(margins[0], Margin)
    assert margins[0].upper.broken is None
    assert "must lie between" in margins[0].upper.reason


def test_a_slow_reply_works_until_the_time_out_of_the_body() -> None:
    found = find_margins(BODY, LENS, ["reply 08=100us..800ms"])[0]
    assert isinstance(found, Margin)
    assert 400_000 < found.upper.value < 500_000
    assert found.upper.reason == "body: no answer to 08"
    assert found.islands == []


def test_the_same_seeds_give_the_same_result() -> None:
    once, again = (find_margins(BODY, LENS, ["lens jitter"], rate_seeds=range(2)) for _ in range(2))
    assert [result_to_dict(one) for one in once] == [result_to_dict(one) for one in again]
    assert isinstance(once[0], JitterMargin)


def test_a_map_has_three_regions_and_the_profile_on_its_axes() -> None:
    found = find_margins(BODY, LENS, ["reply 08=100us..700ms", "VD period=12ms..24ms"], columns=6, rows=3)[0]
    assert isinstance(found, MarginMap)
    assert {region for row in found.regions for region in row} == {SEEN, OURS, BROKEN}
    assert REPLY.nominal in found.columns
    assert 16_683.0 in found.rows
    assert margin_svg(found).count("<rect") >= 18


def test_a_cut_off_area_of_a_map_is_an_island() -> None:
    across, down = parse_varied("reply 08=1..100", BODY, LENS), parse_varied("reply 01=1..100", BODY, LENS)

    def run(values: Mapping[str, float], _seed: int | None) -> PointResult:
        column, row = values[across.parameter.name], values[down.parameter.name]
        return PointResult(column > 1000 or (10 < column < 20 and 10 < row < 20) or not column < 50, "made up")

    results, _ = run_margins([across, down], run, columns=9, rows=9)
    assert isinstance(results[0], MarginMap)
    assert [region for _, _, region in results[0].islands] != []


def test_logistic_fit_finds_the_middle_and_needs_a_change() -> None:
    half, most = logistic_fit([(1.0, 20, 20), (10.0, 19, 20), (100.0, 10, 20), (1000.0, 1, 20), (10_000.0, 0, 20)])
    assert half is not None
    assert most is not None
    assert 80 < half < 125
    assert most < 10
    assert logistic_fit([(1.0, 5, 5), (2.0, 5, 5)]) == (None, None)


def test_a_session_that_does_not_work_has_no_margin() -> None:
    varied = [parse_varied("reply 08", BODY, LENS)]
    with pytest.raises(ProfileError, match="does not work with the values of its profiles"):
        run_margins(varied, points_that_work(-2.0, -1.0).run)
    points = VirtualPoints(BODY, replace(LENS), {REPLY.name: REPLY})
    assert points({REPLY.name: REPLY.nominal}, None).works


def test_recordings_and_large_maps_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.lmx").write_text("{}")
    with pytest.raises(ProfileError, match="has no margin"):
        find_margins("nex7", str(tmp_path / "a.lmx"), ["reply 08"])
    with pytest.raises(FaultError, match="cells"):
        find_margins(BODY, LENS, ["reply 08", "reply 01"], columns=1000, rows=1000)
    with pytest.raises(FaultError, match="one or two"):
        find_margins(BODY, LENS, [])


def test_the_verb_prints_json_and_writes_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["margins", "--body", "nex7", "--lens", "voigtlander-15", "--vary", "reply 08=1ms..9ms", "--json"]
    for name in ("a.svg", "a.html"):
        assert main([*words, "--output", str(tmp_path / name)]) == 0
        assert "<svg" in (tmp_path / name).read_text()
    printed = json.loads(capsys.readouterr().out.splitlines()[0])
    assert printed["results"][0]["parameter"]["seen"]["devices"] == 6


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--vary", "reply 08", "--port", "pty:"], "one end is ours"),
        (["--vary", "reply 08", "--port", "pty:", "--lens", "sel55210"], "--power-cycle"),
        (["--vary", "lens clock", "--port", "pty:", "--body", "a6000"], "only a time of our own end"),
        (["--vary", "reply 08", "--vary", "reply 08"], "varied twice"),
        (["--vary", "reply 08", "--seeds", "0"], "--seeds 0"),
        (["--vary", "reply 08", "--size", "axb"], "COLUMNSxROWS"),
    ],
)
def test_bad_arguments_are_one_line(words: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["margins", *words]) == 2
    error = capsys.readouterr().err
    assert text in error
    assert len(error.strip().splitlines()) == 1


def test_points_on_a_port_cycle_the_power_and_begin_with_a_fresh_device() -> None:
    config = make_config("emount", Role.BODY, ours="sel55210", reference="a6000")
    port = ReferenceDevice(config, frozenset(config.dialect.wiring.lines))
    cycles: list[float] = []

    def cycle() -> None:
        cycles.append(port.clock.now())
        port.power_cycle()

    lens = load_profile("sel55210")
    varied = parse_varied("reply 08", load_profile("a6000"), lens)
    points = LivePoints(
        lens,
        {varied.parameter.name: varied.parameter},
        lambda: port,
        cycle,
        port.clock,
        session_knowledge(config.dialect).is_loop,
        spin=0.0,
    )
    name, nominal = varied.parameter.name, varied.parameter.nominal
    # The engine that plays the body asks again after 500 ms.
    found = [points({name: value}, None).works for value in (nominal, 700e3, nominal)]
    assert found == [True, False, True]
    assert len(cycles) == 3


def test_a_margin_is_written_as_png(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    words = ["margins", "--body", "nex7", "--lens", "voigtlander-15", "--vary", "reply 08=1ms..9ms", "--quiet"]
    for name in ("a.png", "b.png"):
        assert main([*words, "--output", str(tmp_path / name)]) == 0
    first = (tmp_path / "a.png").read_bytes()
    assert first[:8] == b"\x89PNG\r\n\x1a\n"
    assert first == (tmp_path / "b.png").read_bytes()
