"""Why a body switched its lens off: its loop ended before, or the body refused the lens."""

from dataclasses import replace

import pytest

from lensmount_emulator.engine.verdicts import CompatibilityResult, Verdict
from lensmount_emulator.explain.explainer import explain_records
from lensmount_emulator.explain.finding import FindingKind
from lensmount_emulator.roles.lmount.compatibility_rules import POWER_GRANT, RULES
from lensmount_emulator.sessions.explain_capture import explain_session
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_protocol.wire import Edge, Role


@pytest.mark.parametrize("end", Role)
def test_a_loop_without_frame_signal_that_stops_is_the_cause_when_the_supply_then_goes_off(end: Role) -> None:
    session = run_loopback(
        "gfx50r", "gf45", script="wait 2", seed=1, faults=[f"drop rate=1 from={end.value} at=1.2s for=1s"]
    )
    found = explain_records(session.records, session.dialect)
    assert found.cause is not None
    assert (found.cause.kind, found.cause.end) == (FindingKind.STREAM_STOPPED, end), found.text
    # Three periods after its last frame.
    assert found.cause.at == pytest.approx(1.287, abs=2e-3)
    assert "it came every 40.00 ms until" in found.text
    assert "the body switched SUPPLY off" in found.text


@pytest.mark.parametrize(
    ("fault", "kind"),
    [("brownout at=1.2s", FindingKind.SUPPLY_LOST), ("detach at=1.2s for=0.1s", FindingKind.DETACHED)],
)
def test_a_loop_that_runs_until_the_supply_or_the_lens_goes_away_is_no_cause(fault: str, kind: FindingKind) -> None:
    session = run_loopback("gfx50r", "gf45", script="wait 2", seed=1, faults=[fault])
    found = explain_records(session.records, session.dialect)
    assert found.cause is not None
    assert found.cause.kind is kind
    assert all(one.kind is not FindingKind.STREAM_STOPPED for one in found.findings)
    for script in ("wait 1; sleep; wake; wait 0.5", "wait 1; sleep"):
        healthy = run_loopback("gfx50r", "gf45", script=script, seed=1)
        assert explain_session(healthy).ok, explain_session(healthy).text


def test_a_refusal_of_the_body_explains_the_supply_that_goes_off_with_it() -> None:
    session = run_loopback("leica-sl2", "leica-apo-summicron-sl-28mm-f2", seconds=1.0, faults=["brownout at=0.4s"])
    supply = session.dialect.supply
    off = next(one.at for one in session.records if isinstance(one, Edge) and one.line == supply and one.at > 0.39)
    cut = explain_session(session).cause
    assert cut is not None
    assert (cut.kind, cut.at) == (FindingKind.SUPPLY_LOST, off)
    session.compatibility_results.append(
        CompatibilityResult("supply", Verdict.REFUSED, POWER_GRANT, "200 mA of 900 mA", off - 1e-5)
    )
    assert session.script is not None
    session.script = replace(session.script, over=True, gave_up=True)
    refused = explain_session(session)
    assert refused.cause is not None
    assert (refused.cause.kind, refused.cause.end, refused.cause.at) == (FindingKind.REFUSED, Role.BODY, off - 1e-5)
    assert 'refused the lens at the step supply, by the rule "power grant": 200 mA of 900 mA' in refused.text
    assert RULES[POWER_GRANT].why in refused.text
    assert "V_LOGIC failed" not in refused.text
