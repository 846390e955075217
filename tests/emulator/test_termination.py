"""The orderly end on signals: raised once, delayed by a shield, never lost, and ignored where the parent wants that."""

import os
import signal
import sys
from collections.abc import Iterator
from threading import Event, Thread

import pytest

from lensmount_emulator.termination import SIGNALS, OrderlyStack, Stopped, Termination, format_stop, shielded

PATIENCE_S = 10.0


@pytest.fixture
def stop() -> Iterator[Termination]:
    termination = Termination()
    termination.start()
    yield termination
    termination.close()


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_raises_once(stop: Termination, number: int) -> None:
    with pytest.raises(Stopped) as raised:
        signal.raise_signal(number)
    assert (raised.value.number, stop.number) == (number, number)
    # `timeout` and `docker stop` may send it twice: the end that is under way is not disturbed.
    signal.raise_signal(signal.SIGTERM)
    assert stop.number == number


def test_a_third_ctrl_c_ends_an_end_that_hangs(stop: Termination, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Stopped):
        signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGINT)
    assert capfd.readouterr().err == "lensmount: ending; press Ctrl-C again to end at once\n"
    with pytest.raises(Stopped):
        signal.raise_signal(signal.SIGINT)


def test_a_shield_delays_the_signal_to_its_end(stop: Termination) -> None:
    done: list[bool] = []

    def work() -> None:
        with shielded() as stopped:
            done.append(stopped())
            signal.raise_signal(signal.SIGHUP)
            signal.raise_signal(signal.SIGTERM)
            done.append(stopped())
            with shielded():
                signal.raise_signal(signal.SIGTERM)
            done.append(True)

    with pytest.raises(Stopped) as raised:
        work()
    assert done == [False, True, True]
    assert raised.value.number == signal.SIGHUP == stop.number


def test_a_shield_gives_way_to_the_third_ctrl_c(stop: Termination) -> None:
    pressed: list[int] = []

    def work() -> None:
        with shielded():
            for press in range(5):
                pressed.append(press)
                signal.raise_signal(signal.SIGINT)

    with pytest.raises(Stopped):
        work()
    assert pressed == [0, 1, 2]
    assert stop.number == signal.SIGINT


def test_a_shield_in_a_program_of_others_raises_their_interruption() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        done: list[bool] = []

        def work() -> None:
            with shielded():
                signal.raise_signal(signal.SIGINT)
                done.append(True)

        with pytest.raises(KeyboardInterrupt):
            work()
        assert done
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_every_context_of_a_stack_is_left_before_the_interruption(stop: Termination) -> None:
    left: list[int] = []

    def leave(number: int) -> None:
        signal.raise_signal(signal.SIGTERM)
        left.append(number)

    stack = OrderlyStack()
    for number in range(3):
        stack.callback(leave, number)
    with pytest.raises(Stopped):
        stack.__exit__(None, None, None)
    assert left == [2, 1, 0]
    assert stop.number == signal.SIGTERM


class Interrupted:
    """A signal comes while it is freed, where Python drops every exception."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGTERM)


def test_an_interruption_that_python_drops_comes_again(stop: Termination) -> None:
    def work() -> None:
        Interrupted()
        Event().wait(PATIENCE_S)

    with pytest.raises(Stopped):
        work()
    assert stop.number == signal.SIGTERM


def test_ignored_sighup_stays_ignored_and_ignored_sigint_does_not() -> None:
    before = {number: signal.signal(number, signal.SIG_IGN) for number in SIGNALS}
    stop = Termination()
    try:
        stop.start()
        with shielded() as stopped:
            signal.raise_signal(signal.SIGHUP)
            signal.raise_signal(signal.SIGTERM)
            assert not stopped()
        assert stop.number is None
        with pytest.raises(Stopped):
            signal.raise_signal(signal.SIGINT)
        stop.close()
        assert {signal.getsignal(number) for number in SIGNALS} == {signal.SIG_IGN}
    finally:
        stop.close()
        for number, handler in before.items():
            signal.signal(number, handler)


def test_handlers_and_hook_are_given_back() -> None:
    before = [signal.getsignal(number) for number in SIGNALS], sys.unraisablehook
    stop = Termination()
    stop.start()
    assert [signal.getsignal(number) for number in SIGNALS] != before[0]
    stop.close()
    assert ([signal.getsignal(number) for number in SIGNALS], sys.unraisablehook) == before


def test_another_thread_takes_no_signals() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]

    def work() -> None:
        stop = Termination()
        stop.start()
        with shielded() as stopped:
            assert not stopped()
        stop.close()

    thread = Thread(target=work)
    thread.start()
    thread.join()
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_a_stop_has_a_name_for_people() -> None:
    assert format_stop(Stopped(signal.SIGTERM)) == "SIGTERM"
    assert format_stop(Stopped(signal.SIGINT)) == format_stop(KeyboardInterrupt()) == "Ctrl-C"
    assert os.name == "nt" or len(SIGNALS) == 3
