"""The verdict on a live session: each kind of shortfall by itself, its text, its exit code and its JSON."""

import json
from random import Random

import pytest

from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.sessions.live import make_live_engine
from lensmount_emulator.sessions.verdict import (
    PEER_SILENT_S,
    ScriptProgress,
    ShortfallKind,
    Traffic,
    evaluate_listening,
    evaluate_live,
    exit_code,
    expects_traffic,
    script_progress,
)
from lensmount_emulator.sessions.virtual.participants import make_participants
from lensmount_hardware.transport import BROKEN_BYTES
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.wire import Role

GOOD = Traffic(Role.LENS, 100, 10)
STEPS = ("focus 2m", "aperture f/8")


def lacks(*arguments: object, **options: object) -> list[ShortfallKind]:
    return [one.kind for one in evaluate_live(*arguments, **options).shortfalls]  # type: ignore[arg-type]


def test_a_session_that_lacks_nothing_is_0() -> None:
    verdict = evaluate_live(GOOD, "emount", 1.0, errors=0, script=ScriptProgress(2, STEPS, over=True), silent_s=0.1)
    assert (verdict.exit_code, list(verdict.shortfalls)) == (0, [])
    assert verdict.as_json()["ok"] is True


@pytest.mark.parametrize(
    ("peer", "errors", "found", "code"),
    [
        (Traffic(Role.LENS), 0, [ShortfallKind.SILENCE], 4),
        (Traffic(Role.LENS), 3, [ShortfallKind.SILENCE, ShortfallKind.ERRORS], 1),
        (Traffic(Role.LENS, 100), 0, [ShortfallKind.NO_FRAME], 1),
        (GOOD, 3, [ShortfallKind.ERRORS], 1),
    ],
)
def test_silence_noise_and_errors(peer: Traffic, errors: int, found: list[ShortfallKind], code: int) -> None:
    verdict = evaluate_live(peer, "emount", 1.0, errors=errors)
    assert ([one.kind for one in verdict.shortfalls], verdict.exit_code) == (found, code)


@pytest.mark.parametrize(
    ("done", "over", "text"),
    [
        (0, False, '0 of 2 steps done, stopped at "focus 2m"'),
        (1, False, '1 of 2 steps done, stopped at "aperture f/8"'),
        (1, True, '1 of 2 steps done, given up at "aperture f/8"'),
        (2, False, "2 of 2 steps done, its end was not reached"),
    ],
)
def test_a_script_that_is_not_done_says_how_far_it_came(done: int, over: bool, text: str) -> None:
    script = ScriptProgress(done, STEPS, over)
    (found,) = evaluate_live(GOOD, "emount", 1.5, errors=0, script=script).shortfalls
    assert found.kind is ShortfallKind.SCRIPT
    assert found.text == f"the script was not done in 1.500 s: {text}"


def test_a_start_up_that_is_not_completed_is_a_shortfall_of_its_own() -> None:
    script = ScriptProgress(0, (), over=False)
    assert lacks(GOOD, "emount", 1.0, errors=0, script=script) == [ShortfallKind.SCRIPT]
    # Where nothing came, that says it all.
    assert lacks(Traffic(Role.LENS), "emount", 1.0, errors=0, script=script) == [ShortfallKind.SILENCE]


@pytest.mark.parametrize(
    ("silent_s", "streams", "found"),
    [
        (PEER_SILENT_S + 0.1, True, [ShortfallKind.STOPPED]),
        (PEER_SILENT_S, True, []),
        (60.0, False, []),
        (None, True, []),
    ],
)
def test_a_peer_that_stops_in_a_stream(silent_s: float | None, streams: bool, found: list[ShortfallKind]) -> None:
    assert lacks(GOOD, "emount", 2.0, errors=0, silent_s=silent_s, streams=streams, state="STREAMING") == found


def test_a_peer_that_may_be_silent_may_stop() -> None:
    options = {"errors": 0, "silent_s": 60.0, "streams": True, "state": "STREAMING"}
    (stopped,) = evaluate_live(GOOD, "emount", 2.0, **options).shortfalls  # type: ignore[arg-type]
    assert stopped.kind is ShortfallKind.STOPPED
    # A library's verdict names no option of a verb.
    assert "--" not in stopped.text
    assert lacks(GOOD, "emount", 2.0, may_be_silent=True, **options) == []


def test_traffic_is_expected_while_the_link_is_up() -> None:
    emount, lmount = load_dialect("emount"), load_dialect("lmount")
    assert [state for state in emount.transitions.moves if not expects_traffic(state, emount)] == ["OFF", "ASLEEP"]
    assert [state for state in lmount.transitions.moves if not expects_traffic(state, lmount)] == ["OFF", "ASLEEP"]
    assert not expects_traffic("", emount)


def test_a_replay_that_waited_in_vain_is_1_even_where_nothing_came() -> None:
    verdict = evaluate_live(
        Traffic(Role.BODY), "emount", 1.0, errors=0, unmet="3 of 9 steps done, 6 of the peer's missed"
    )
    assert verdict.exit_code == 1
    assert verdict.shortfalls[-1].text == "3 of 9 steps done, 6 of the peer's missed"


def test_silence_may_be_allowed_and_noise_may_not() -> None:
    assert lacks(Traffic(Role.LENS), "emount", 1.0, errors=0, may_be_silent=True) == []
    assert lacks(Traffic(Role.LENS, 9), "emount", 1.0, errors=0, may_be_silent=True) == [ShortfallKind.NO_FRAME]


def test_each_end_that_is_listened_to_is_checked() -> None:
    ends = [Traffic(Role.BODY, 100, 10), Traffic(Role.LENS)]
    (silent,) = evaluate_listening(ends, "emount", 2.0)
    assert silent.text.startswith("nothing came from the lens in 2.0 s; ")
    assert evaluate_listening(ends, "emount", 2.0, may_be_silent=True) == []
    (noise,) = evaluate_listening([Traffic(Role.BODY, 40)], "lmount", 2.0)
    assert noise.text.startswith("40 bytes from the body hold no valid frame of lmount; ")


def test_what_was_lost_is_named_and_another_baud_rate_is_no_loss() -> None:
    lost = {BROKEN_BYTES: 40, "edges, because the board's queue was full": 2}
    (found,) = evaluate_listening([GOOD], "emount", 1.0, lost=lost)
    assert (found.kind, found.text) == (
        ShortfallKind.LOST,
        "the recording is not complete: lost 2 edges, because the board's queue was full",
    )
    assert lacks(GOOD, "emount", 1.0, errors=0, lost={BROKEN_BYTES: 40}) == []
    assert exit_code([found]) == 1


def test_the_verdict_in_json() -> None:
    script = ScriptProgress(1, STEPS, over=False)
    verdict = evaluate_live(Traffic(Role.LENS), "emount", 1.0, errors=2, script=script, state="OFF").as_json()
    assert json.loads(json.dumps(verdict)) == verdict
    assert {key: verdict[key] for key in ("ok", "exit_code", "errors", "state", "script", "peer")} == {
        "ok": False,
        "exit_code": 1,
        "errors": 2,
        "state": "OFF",
        "script": {"done": 1, "steps": list(STEPS), "complete": False},
        "peer": {"role": "lens", "bytes": 0, "frames": 0, "silent_s": None},
    }
    assert [lack["kind"] for lack in verdict["lacks"]] == ["silence", "script not done", "errors"]


@pytest.mark.parametrize(
    ("body", "lens", "script"),
    [
        ("a6000", "sel55210", "focus +100; aperture f/8"),
        ("sigma-fp", "sigma-45mm-f2.8-dg-dn", "focus 2m; aperture f/8"),
    ],
)
def test_an_engine_counts_the_steps_of_its_script(body: str, lens: str, script: str) -> None:
    from lensmount_emulator.sessions.virtual_session import VirtualSession

    parts = make_participants(load_profile(body), load_profile(lens), [], script, 1)
    chain = VirtualSession(parts.body.dialect, parts.body, parts.lens, parts.accessories)
    begun = script_progress(parts.body)
    assert begun is not None
    assert (begun.done, begun.steps, begun.complete) == (0, tuple(script.split("; ")), False)
    assert script_progress(parts.lens) is None
    chain.start()
    chain.run(20.0, stop_when=lambda: parts.body.position == 1)
    half = script_progress(parts.body)
    assert half is not None
    assert half.describe() == '1 of 2 steps done, stopped at "aperture f/8"'
    chain.run(20.0, stop_when=lambda: parts.body.done)
    whole = script_progress(parts.body)
    assert whole is not None
    assert whole.complete
    assert whole.describe() == "2 of 2 steps done"


def test_a_hand_at_a_lens_counts_its_steps() -> None:
    lens = make_live_engine(load_profile("sigma-45mm-f2.8-dg-dn"), frozenset(), "wait 0.1; press afl; wait 5")
    lens.start(0.0)
    random = Random(1)
    while (due := lens.next_deadline()) is not None and due < 1.0:
        lens.handle_deadline(due + random.random() * 1e-6)
    progress = script_progress(lens)
    assert progress is not None
    assert progress.describe() == '2 of 3 steps done, stopped at "wait 5"'
