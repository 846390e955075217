"""Errors: one line of bounded length, whatever they quote; bounded lists."""

import pytest

from lensmount_protocol import errors
from lensmount_protocol.errors import (
    MAX_ERROR,
    CaptureError,
    FrameError,
    MountError,
    TransportOpenError,
    limit_list,
    shorten,
    unknown_name_message,
)


def test_shorten_keeps_both_ends_and_the_limit():
    text = "".join(map(str, range(10_000)))
    for limit in (10, 11, 4000):
        short = shorten(text, limit)
        head, tail = short.split(" ... ")
        assert len(short) == limit
        assert text.startswith(head)
        assert text.endswith(tail)
        assert tail
    assert shorten("x" * 4000) == "x" * 4000


@pytest.mark.parametrize("cls", [MountError, CaptureError, TransportOpenError, FrameError])
def test_the_text_of_an_error_is_bounded(cls):
    error = cls("file: line 1: " + "x" * 1_000_000 + "; do this")
    assert len(str(error)) == MAX_ERROR
    assert str(error).startswith("file: line 1: ")
    assert "; do this" in str(error)
    assert str(cls("short")).startswith("short")


def test_every_error_has_the_bounded_text():
    kinds = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, MountError)]
    assert len(kinds) > 10
    assert {cls.__str__ for cls in kinds} == {MountError.__str__}


@pytest.mark.parametrize(
    ("count", "expected"), [(0, []), (2, ["0", "1"]), (3, ["0", "1", "2"]), (5, ["0", "1", "2", "and 2 more"])]
)
def test_first_of_counts_what_it_leaves_out(count, expected):
    assert limit_list(map(str, range(count)), 3) == expected


def test_unknown_name_lists_every_name_of_a_dialect_but_not_of_a_hostile_file():
    names = [f"name{number:04}" for number in range(150)]
    assert all(name in unknown_name_message("message", "x", names) for name in names)
    assert unknown_name_message("channel", "x", [f"{number:06}" for number in range(9000)]).endswith(
        "000199, and 8800 more"
    )
