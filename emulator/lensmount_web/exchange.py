"""Reads requests and writes answers: bodies of limited size, parameters with their types, JSON without NaN."""

import math
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec
from anyio.lowlevel import checkpoint
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from lensmount_web.messages import Failure

MAX_BODY = 1_000_000
"""Bytes of the JSON of a request."""

CHUNK = 1 << 20
"""Bytes of a long answer that are sent at once."""

T = TypeVar("T")


class RefusedError(Exception):
    """A request that cannot be answered as asked."""

    def __init__(self, status: int, reason: str, at: int | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.failure = Failure(reason, at)


def json_answer(value: Any, status: int = 200) -> Response:
    """A value as JSON; what JSON has no number for is null."""
    return Response(msgspec.json.encode(_finite(value)), status, media_type="application/json")


def _finite(value: Any) -> Any:
    """A value without NaN and infinity, which JSON does not have."""
    if isinstance(value, msgspec.Struct):
        return value
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): _finite(one) for key, one in cast("Mapping[object, object]", value).items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in cast("Sequence[object]", value)]
    return value


async def cut(pieces: Iterable[bytes | memoryview]) -> AsyncGenerator[bytes | memoryview, None]:
    """Yield pieces of a long answer in sizes that the network takes at once.

    The event loop runs in between: it must notice that the page has left, or the rest goes to a closed connection.
    """
    for piece in pieces:
        for at in range(0, len(piece), CHUNK):
            yield piece[at : at + CHUNK]
            await checkpoint()


async def read_body(request: Request, kind: type[T]) -> T:
    """The JSON of a request as the type that it must have.

    Raises:
        RefusedError: it is too large, or is something else.
    """
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > MAX_BODY:
            raise RefusedError(413, "the request is too large")
    try:
        return msgspec.json.decode(bytes(data), type=kind)
    except msgspec.MsgspecError as error:
        raise RefusedError(422, f"the request cannot be read: {error}") from error
    except (RecursionError, UnicodeDecodeError) as error:
        raise RefusedError(422, "the request cannot be read") from error


def read_integer(request: Request, name: str, default: int) -> int:
    """A whole number of the query.

    Raises:
        RefusedError: it is none.
    """
    text = request.query_params.get(name, "")
    if not text:
        return default
    try:
        return max(-(1 << 53), min(1 << 53, int(text[:20])))
    except ValueError as error:
        raise RefusedError(400, f"{name} is a whole number, not {text[:40]!r}") from error


def read_number(request: Request, name: str, default: float) -> float:
    """A number of the query.

    Raises:
        RefusedError: it is none.
    """
    text = request.query_params.get(name, "")
    if not text:
        return default
    try:
        value = float(text[:40])
    except ValueError:
        value = math.nan
    if math.isnan(value):
        raise RefusedError(400, f"{name} is a number, not {text[:40]!r}")
    return value


def read_positions(text: str) -> dict[str, int]:
    """What the page has: `rows:120,line:VD:4`."""
    found: dict[str, int] = {}
    for item in text.split(","):
        name, _, count = item.rpartition(":")
        if not item:
            continue
        if not name or not (count.isascii() and count.isdecimal()) or len(count) > 15:
            raise RefusedError(400, f"since is written rows:120,line:VD:4, not {text[:60]!r}")
        found[name] = int(count)
    return found


def clean_name(name: str) -> str:
    """The last part of a name, with only harmless characters."""
    last = name.replace("\\", "/").rpartition("/")[2]
    kept = "".join(letter if letter.isalnum() or letter in "-_. " else "_" for letter in last).strip(". ")
    return kept[-120:] or "capture"


async def send_asset(folder: Path, request: Request) -> Response:
    """A file of the built page."""
    name = request.path_params["name"]
    path = folder / "assets" / name
    if "/" in name or "\\" in name or name.startswith(".") or not path.is_file():
        return json_answer(Failure("there is no such file"), 404)
    return FileResponse(path, headers={"cache-control": "public, max-age=31536000, immutable"})


async def send_page(folder: Path, _request: Request) -> Response:
    """The page itself, for every address that it shows a view at."""
    path = folder / "index.html"
    if not path.is_file():
        return Response("The page is not built: run `make page`.", 503, media_type="text/plain")
    return FileResponse(path, headers={"cache-control": "no-cache"})
