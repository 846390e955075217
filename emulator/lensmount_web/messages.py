"""What the interface takes and gives, as types: the source of its checks and of its OpenAPI document."""

from typing import Any, Literal

import msgspec


class Failure(msgspec.Struct, omit_defaults=True):
    """Why something did not work, in one sentence.

    Attributes:
        error: the sentence.
        at: place in a text that could not be read, in characters.
    """

    error: str
    at: int | None = None


class Login(msgspec.Struct, forbid_unknown_fields=True):
    """The secret of the address that the command opened."""

    token: str


class Find(msgspec.Struct, forbid_unknown_fields=True):
    """A filter, and the markers of the page by name, in seconds."""

    filter: str
    marks: dict[str, float] = {}


class NewVirtual(msgspec.Struct, forbid_unknown_fields=True):
    """A body, accessories and a lens to play.

    Attributes:
        body: profile of the body.
        lens: profile of the lens.
        accessories: profiles between them, from the body on.
        script: the body's script.
        seed: seed of random decisions.
        faults: faults in their text form.
    """

    body: str
    lens: str
    accessories: list[str] = []
    script: str = ""
    seed: int = 1
    faults: list[str] = []


class OpenPort(msgspec.Struct, forbid_unknown_fields=True):
    """What to do with a port that the command named.

    Attributes:
        mode: `listen`, or `play` an end.
        second: for listening, the number of the port that receives the lens, where a port receives one end only.
        dialect: the dialect there, for listening.
        role: the end to play.
        profile: its profile.
        script: its script.
        confirm: the port's name, typed by the user; playing sends to a device.
    """

    mode: Literal["listen", "play"]
    second: int | None = None
    dialect: str = "emount"
    role: Literal["body", "lens"] = "lens"
    profile: str = ""
    script: str = ""
    confirm: str = ""


class SessionInfo(msgspec.Struct):
    """A session, before its traffic."""

    id: str
    title: str
    kind: str
    dialect: str
    notice: str
    rows: int
    edges: int
    first: float
    last: float
    reading: bool
    error: str
    header: dict[str, Any]
    fields: list[str]
    gauges: list[dict[str, Any]]
    about: dict[str, Any]
    resting: dict[str, int]


class ResultInfo(msgspec.Struct):
    """The results of a matrix or a campaign: `kind` says which."""

    id: str
    title: str
    kind: str


class RowLine(msgspec.Struct):
    """A line of the list."""

    row: int
    summary: str


class Done(msgspec.Struct):
    """Something was done."""

    done: bool = True
