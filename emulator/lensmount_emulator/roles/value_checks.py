"""Checks of single values of a profile: each refusal names the key, the value, and what is legal."""

from lensmount_protocol.errors import ProfileError


def check_between(key: str, value: float, lowest: float, highest: float) -> None:
    """Hold a number to a range.

    Args:
        key: where it stands in the profile.
        value: the number.
        lowest: the smallest that is legal.
        highest: the largest that is legal.

    Raises:
        ProfileError: it is outside.
    """
    if not lowest <= value <= highest:
        raise ProfileError(f"{key} is {value:g}; it must lie between {lowest:g} and {highest:g}")


def check_above_zero(key: str, value: float) -> None:
    """Hold a number above zero, and finite.

    Args:
        key: where it stands in the profile.
        value: the number.

    Raises:
        ProfileError: it is zero, negative, infinite or no number.
    """
    if not 0 < value < float("inf"):
        raise ProfileError(f"{key} is {value:g}; it must be above 0")
