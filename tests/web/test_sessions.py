"""Sessions that the server holds: they answer while they are explained, and one that cannot start is not kept."""

import threading

import pytest

from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_emulator.traffic.event_columns import EventColumns
from lensmount_protocol.decoder import Decoder, OrderedDecoder
from lensmount_web import session_store
from lensmount_web.session_store import StoredSession


def answers(session: StoredSession) -> bool:
    """Whether another thread may use a session now."""
    found: list[bool] = []

    def look() -> None:
        found.append(session.lock.acquire(blocking=False))
        if found[0]:
            session.lock.release()

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    return found[0]


@pytest.mark.parametrize("name", ["explain_events", "explain"])
def test_a_session_answers_while_it_is_explained(name, monkeypatch, tmp_path):
    result = run_loopback("a6000", "sel55210", seconds=0.8, seed=1)
    columns = EventColumns(result.dialect).add_all(OrderedDecoder(Decoder(result.dialect)).decode(result.records))
    session = StoredSession("a session", "virtual", columns)
    plain = session.explanation()
    session.explained = None
    seen: list[bool] = []
    if name == "explain":
        session.path = tmp_path / "session.lmx"
        session.path.write_bytes(b"")

    def explained(events, *_words, **_named):
        if name == "explain_events":
            events = list(events)
            assert len(events) == len(list(columns.timeline())) > 2 * 40
        seen.append(answers(session))
        return original(columns.timeline(), result.dialect, source="a session")

    original = session_store.explain_events
    monkeypatch.setattr(session_store, "PIECE", 40)
    monkeypatch.setattr(session_store, name, explained)
    assert session.explanation() == plain
    assert session.explanation() == plain
    assert seen == [True]
