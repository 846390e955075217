"""The server's routes: the page, sessions in columns, details, filter, plots, findings, exports, virtual sessions."""

import contextlib
import math
import tempfile
from collections.abc import AsyncGenerator, Sequence
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

import anyio
from anyio import to_thread
from starlette.applications import Starlette
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route, WebSocketRoute

from lensmount_emulator.profiles.library import profile_names
from lensmount_emulator.reports.data_files import ENDINGS
from lensmount_emulator.reports.dialect_document import dialect_to_dict
from lensmount_emulator.version import __version__
from lensmount_protocol.dialect import dialect_names, load_dialect
from lensmount_protocol.errors import DialectError, FilterError, MountError, unknown_name_message
from lensmount_web.exchange import (
    RefusedError,
    clean_name,
    cut,
    json_answer,
    read_body,
    read_integer,
    read_number,
    read_positions,
    send_asset,
    send_page,
)
from lensmount_web.guard import Guard
from lensmount_web.messages import Done, Failure, Find, Login, NewVirtual, OpenPort, ResultInfo, RowLine, SessionInfo
from lensmount_web.openapi import BINARY, Endpoint, openapi_document
from lensmount_web.packing import PARTS
from lensmount_web.page_file import write_session
from lensmount_web.port_player import PortPlayer, free_name
from lensmount_web.results import Results, result_kind
from lensmount_web.session_store import SessionStore, StoredSession
from lensmount_web.virtual_player import VirtualPlayer, live_socket, playable_profiles

MAX_UPLOAD = 512 * 1024 * 1024
"""Bytes of an uploaded file."""

MAX_COMPRESSED = 4 << 20
"""Bytes of an answer with columns up to which it is compressed."""


class Bench:
    """What a server works on.

    Args:
        store: the sessions.
        results: matrices and campaigns.
        guard_token: the secret of this start.
        reads_only: whether nothing may be played, since others than this machine can reach the server.
        ports: the ports that the command named.
        firmware: paths of the firmware in C that the command named.
    """

    def __init__(
        self,
        store: SessionStore,
        results: Results,
        guard_token: str,
        *,
        reads_only: bool = False,
        ports: Sequence[str] = (),
        firmware: Sequence[str] = (),
    ) -> None:
        self.store = store
        self.results = results
        self.token = guard_token
        self.reads_only = reads_only
        self.ports = list(ports)
        self.firmware = list(firmware)
        self.players: dict[str, VirtualPlayer | PortPlayer] = {}
        self.recordings = Path()
        self._catalogue: list[dict[str, Any]] = []
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    @property
    def uploads(self) -> Path:
        """The folder of uploaded files; removed when the server ends."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="lensmount-")
        return Path(self._folder.name)

    def close(self) -> None:
        """End all players and remove uploaded files."""
        for player in self.players.values():
            player.close()
        self.players.clear()
        if self._folder is not None:
            self._folder.cleanup()

    def session(self, request: Request) -> StoredSession:
        """The session that a request names."""
        session = self.store.get(request.path_params["id"])
        if session is None:
            raise RefusedError(404, "there is no such session here; go back to the start page")
        return session

    # -- the interface ------------------------------------------------------------------------------------------

    async def login(self, request: Request) -> Response:
        """Exchange the secret for a cookie."""
        login = await read_body(request, Login)
        guard: Guard = request.app.state.guard
        if not guard.accepts(login.token):
            raise RefusedError(403, "this key is not valid; open the address that the command printed last")
        response = json_answer(Done())
        response.set_cookie(guard.cookie, self.token, httponly=True, samesite="strict", path="/")
        return response

    async def about(self, _request: Request) -> Response:
        """What this server offers."""
        return json_answer(
            {
                "version": __version__,
                "dialects": dialect_names(),
                "reads_only": self.reads_only,
                "max_upload": MAX_UPLOAD,
                "ports": self.ports,
                "results": self.results.listed(),
            }
        )

    async def dialect(self, request: Request) -> Response:
        """A dialect: lines, messages, fields, states, timing, verbs, faults."""
        return json_answer(await to_thread.run_sync(lambda: dialect_to_dict(load_dialect(request.path_params["name"]))))

    async def profiles(self, _request: Request) -> Response:
        """The bodies, lenses and accessories that can be played."""
        if not self._catalogue:
            self._catalogue = await to_thread.run_sync(partial(playable_profiles, self.firmware))
        return json_answer(self._catalogue)

    async def sessions(self, _request: Request) -> Response:
        """All sessions."""
        return json_answer(await to_thread.run_sync(lambda: [session.info() for session in self.store]))

    async def create_session(self, request: Request) -> Response:
        """Start a virtual session."""
        self._may_play()
        wanted = await read_body(request, NewVirtual)
        known = [*await to_thread.run_sync(profile_names), *self.firmware]
        for name in (wanted.body, wanted.lens, *wanted.accessories):
            # A profile by its path would be a file of this machine, and a page names no files.
            if name not in known:
                raise RefusedError(422, unknown_name_message("profile", name, known))
        player = await to_thread.run_sync(partial(VirtualPlayer, wanted))
        await to_thread.run_sync(player.begin)
        self.store.put(player.session)
        self.players[player.session.id] = player
        return json_answer(await to_thread.run_sync(player.session.info))

    async def open_port(self, request: Request) -> Response:
        """Listen at a port that the command named, or play an end on it."""
        self._may_play()
        wanted = await read_body(request, OpenPort)
        numbers: list[int] = [request.path_params["number"]]
        if wanted.mode == "listen" and wanted.second is not None and wanted.second != numbers[0]:
            numbers.append(wanted.second)
        if not all(0 <= number < len(self.ports) for number in numbers):
            raise RefusedError(404, "the command named no such port; start it with `lensmount ui --port SPEC`")
        specs = [self.ports[number] for number in numbers]
        for player in self.players.values():
            if isinstance(player, PortPlayer) and player.session.reading and player.specs & set(specs):
                used = min(player.specs & set(specs))
                raise RefusedError(422, f"{used} is in use by another session of this page; stop that one")
        if wanted.mode == "play" and wanted.profile not in await to_thread.run_sync(profile_names):
            raise RefusedError(422, f"unknown profile {wanted.profile[:60]!r}; choose one of the list")
        target = free_name(self.recordings)
        opened = await to_thread.run_sync(lambda: PortPlayer(specs[0], wanted, target, *specs[1:]))
        self.store.put(opened.session)
        self.players[opened.session.id] = opened
        opened.begin()
        return json_answer(opened.session.info())

    async def upload(self, request: Request) -> Response:
        """Read a capture, or the results of a matrix or campaign, that the user chose in the page."""
        name = clean_name(request.query_params.get("name", ""))
        target = self.uploads / f"{len(list(self.uploads.iterdir()))}-{name}"
        size = 0
        try:
            async with await anyio.open_file(target, "wb") as file:
                async for chunk in request.stream():
                    size += len(chunk)
                    if size > MAX_UPLOAD:
                        raise RefusedError(
                            413,
                            f"{name}: larger than {MAX_UPLOAD >> 20} MB; open it with `lensmount ui FILE` instead, "
                            f"which reads it from its place",
                        )
                    await file.write(chunk)
        except (RefusedError, ClientDisconnect):
            target.unlink(missing_ok=True)
            raise
        except OSError as error:
            target.unlink(missing_ok=True)
            raise RefusedError(507, f"{name}: cannot be stored: {error.strerror or error}; free some space") from error
        if not size:
            target.unlink(missing_ok=True)
            raise RefusedError(422, f"{name}: the file is empty; choose a capture")
        chosen = request.query_params.get("dialect") or None
        try:
            if result_kind(target):
                return json_answer(await to_thread.run_sync(lambda: self.results.add(target, name)))
            session = await to_thread.run_sync(lambda: self.store.open_file(target, chosen, title=name))
        except MountError as error:
            target.unlink(missing_ok=True)
            raise RefusedError(422, str(error).replace(str(target), name)) from error
        return json_answer(session.info())

    async def session_info(self, request: Request) -> Response:
        """One session, before its traffic."""
        session = self.session(request)
        return json_answer(await to_thread.run_sync(session.info))

    async def remove_session(self, request: Request) -> Response:
        """Forget a session; a virtual one ends."""
        session = self.session(request)
        player = self.players.pop(session.id, None)
        self.store.remove(session.id)
        if player is not None:
            # It waits for the session's thread, and other pages must not wait with it.
            await to_thread.run_sync(player.close)
        return json_answer(Done())

    async def columns(self, request: Request) -> Response:
        """The traffic as packed arrays, from the positions in `since` on."""
        session = self.session(request)
        since = read_positions(request.query_params.get("since", ""))
        named = request.query_params.get("part", "all")
        part = PARTS.get(named)
        if part is None:
            raise RefusedError(400, f"part is all, first or rest, not {named[:40]!r}")
        pieces = await to_thread.run_sync(lambda: session.packed(since, part))
        size = sum(map(len, pieces))
        if size <= MAX_COMPRESSED:
            return Response(b"".join(pieces), media_type=BINARY)
        # Compressing a long session takes longer than sending it on this machine.
        headers = {"content-encoding": "identity", "content-length": str(size)}
        return StreamingResponse(cut(pieces), media_type=BINARY, headers=headers)

    async def frames(self, request: Request) -> Response:
        """Lines of the list."""
        session = self.session(request)
        first, count = read_integer(request, "from", 0), read_integer(request, "n", 100)
        return json_answer(await to_thread.run_sync(lambda: session.frames(first, count)))

    async def frame(self, request: Request) -> Response:
        """One row with its fields and the bytes of each."""
        session = self.session(request)
        row = request.path_params["row"]
        try:
            return json_answer(await to_thread.run_sync(lambda: session.details(row)))
        except IndexError as error:
            raise RefusedError(404, f"row {row} does not exist") from error

    async def field(self, request: Request) -> Response:
        """A field over time, as packed arrays."""
        session = self.session(request)
        first, last = read_number(request, "t0", -math.inf), read_number(request, "t1", math.inf)
        pixels = read_integer(request, "px", 1200)
        name = request.path_params["name"]
        data = await to_thread.run_sync(lambda: session.field_points(name, first, last, pixels))
        return Response(data, media_type=BINARY)

    async def field_change(self, request: Request) -> Response:
        """The next or previous frame in which a field has another value than before; null where there is none."""
        session = self.session(request)
        at, way = read_number(request, "t", 0.0), request.query_params.get("way", "next")
        name = request.path_params["name"]
        if way not in ("next", "previous"):
            raise RefusedError(400, f"way is next or previous, not {way[:40]!r}")
        return json_answer(await to_thread.run_sync(lambda: session.field_change(name, at, forward=way == "next")))

    async def find(self, request: Request) -> Response:
        """The rows that a filter accepts: a bit for each."""
        session = self.session(request)
        wanted = await read_body(request, Find)
        bits, count = await to_thread.run_sync(lambda: session.find(wanted.filter, wanted.marks))
        return Response(bits, media_type=BINARY, headers={"x-count": str(count)})

    async def state(self, request: Request) -> Response:
        """Lines, link state, and what lens and body show at a time."""
        session = self.session(request)
        at = read_number(request, "t", 0.0)
        return json_answer(await to_thread.run_sync(lambda: session.state_at(at)))

    async def findings(self, request: Request) -> Response:
        """What is not as it should be, and the states of the link."""
        session = self.session(request)
        return json_answer(await to_thread.run_sync(session.findings))

    async def explanation(self, request: Request) -> Response:
        """What went wrong first, what was due, and what followed."""
        session = self.session(request)
        return json_answer(await to_thread.run_sync(session.explanation))

    async def export(self, request: Request) -> Response:
        """The session as a file."""
        session = self.session(request)
        form = request.query_params.get("form", "")
        if form not in ENDINGS and form != ".html":
            known = ", ".join((*ENDINGS, ".html"))
            raise RefusedError(422, f"unknown form {form[:40]!r}; known: {known}")
        target = self.uploads / f"export-{session.id}{form}"
        await to_thread.run_sync(lambda: write_session(target, session, form))
        stem = Path(clean_name(session.title)).stem
        return FileResponse(target, filename=f"{stem}{form}", media_type=BINARY)

    async def matrix(self, request: Request) -> Response:
        """A matrix result."""
        return json_answer(await to_thread.run_sync(lambda: self.results.matrix(request.path_params["id"])))

    async def cases(self, request: Request) -> Response:
        """The cases of a campaign that a condition selects."""
        where, page = request.query_params.get("where", ""), read_integer(request, "page", 0)
        return json_answer(await to_thread.run_sync(lambda: self.results.cases(request.path_params["id"], where, page)))

    async def open_case(self, request: Request) -> Response:
        """Play a cell of a matrix or a case of a campaign once more, and open its session."""
        self._may_play()
        number = request.path_params["number"]
        session = await to_thread.run_sync(lambda: self.results.replayed(request.path_params["id"], number))
        self.store.put(session)
        return json_answer(session.info())

    async def document(self, _request: Request) -> Response:
        """This interface as an OpenAPI document."""
        return json_answer(openapi_document(endpoints(self)))

    def _may_play(self) -> None:
        if self.reads_only:
            raise RefusedError(403, "this server only shows sessions, since it listens to other machines")


def endpoints(bench: Bench) -> list[Endpoint]:
    """The table of the interface."""
    one = "/api/v1/sessions/{id}"
    return [
        Endpoint("POST", "/api/v1/login", "exchange the secret for a cookie", bench.login, Login, Done),
        Endpoint("GET", "/api/v1/about", "what this server offers", bench.about),
        Endpoint("GET", "/api/v1/openapi.json", "this document", bench.document),
        Endpoint("GET", "/api/v1/dialects/{name}", "a dialect", bench.dialect),
        Endpoint("GET", "/api/v1/profiles", "bodies, lenses and accessories", bench.profiles),
        Endpoint("GET", "/api/v1/sessions", "all sessions", bench.sessions, None, None),
        Endpoint("POST", "/api/v1/sessions", "start a virtual session", bench.create_session, NewVirtual, SessionInfo),
        Endpoint("POST", "/api/v1/ports/{number:int}", "open a port", bench.open_port, OpenPort, SessionInfo),
        Endpoint(
            "POST",
            "/api/v1/uploads",
            "read a capture or a result",
            bench.upload,
            bytes,
            (SessionInfo, ResultInfo),
            (("name", "string"), ("dialect", "string")),
            (507,),
        ),
        Endpoint("GET", one, "one session", bench.session_info, None, SessionInfo),
        Endpoint("DELETE", one, "forget a session", bench.remove_session, None, Done),
        Endpoint(
            "GET",
            f"{one}/columns",
            "the traffic",
            bench.columns,
            None,
            bytes,
            (("since", "string"), ("part", "string")),
        ),
        Endpoint(
            "GET",
            f"{one}/frames",
            "lines of the list",
            bench.frames,
            None,
            RowLine,
            (("from", "integer"), ("n", "integer")),
        ),
        Endpoint("GET", f"{one}/frames/{{row:int}}", "one row", bench.frame),
        Endpoint(
            "GET",
            f"{one}/fields/{{name}}",
            "a field over time",
            bench.field,
            None,
            bytes,
            (("t0", "number"), ("t1", "number"), ("px", "integer")),
            (422,),
        ),
        Endpoint(
            "GET",
            f"{one}/fields/{{name}}/change",
            "the next or previous change of a field",
            bench.field_change,
            None,
            None,
            (("t", "number"), ("way", "string")),
            (422,),
        ),
        Endpoint("POST", f"{one}/find", "rows that a filter accepts", bench.find, Find, bytes),
        Endpoint("GET", f"{one}/state", "the state at a time", bench.state, None, None, (("t", "number"),)),
        Endpoint("GET", f"{one}/findings", "what is not as it should be", bench.findings),
        Endpoint("GET", f"{one}/explanation", "what went wrong first", bench.explanation, statuses=(422,)),
        Endpoint("GET", f"{one}/export", "a file", bench.export, None, bytes, (("form", "string"),), (422,)),
        Endpoint("GET", "/api/v1/matrix/{id}", "a matrix", bench.matrix, statuses=(422,)),
        Endpoint(
            "GET",
            "/api/v1/campaigns/{id}/cases",
            "cases of a campaign",
            bench.cases,
            query=(("where", "string"), ("page", "integer")),
            statuses=(422,),
        ),
        Endpoint("POST", "/api/v1/results/{id}/{number:int}", "play a cell or case", bench.open_case, statuses=(422,)),
    ]


def make_app(bench: Bench, hosts: Sequence[str], static: Path | None = None) -> Guard:
    """The whole server, guarded.

    Args:
        bench: what it works on.
        hosts: names and addresses with the port that it answers under.
        static: the folder of the page; `None` for the one that is installed.
    """
    folder = static or static_folder()
    routes: list[BaseRoute] = [Route(one.path, _answering(one), methods=[one.method]) for one in endpoints(bench)]
    routes += [
        WebSocketRoute("/api/v1/live/{id}", partial(_live, bench)),
        Route("/api/{rest:path}", _not_found),
        Route("/assets/{name}", partial(send_asset, folder)),
        Route("/{rest:path}", partial(send_page, folder)),
    ]

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncGenerator[None, None]:
        yield
        bench.close()

    app = Starlette(
        routes=routes,
        lifespan=lifespan,
        exception_handlers={404: _not_found, 405: _not_allowed, Exception: _defect},
    )
    app.add_middleware(GZipMiddleware, minimum_size=2000, compresslevel=1)
    port = hosts[0].rpartition(":")[2]
    guard = Guard(app, hosts, bench.token, f"lensmount_{port}")
    app.state.guard = guard
    return guard


def static_folder() -> Path:
    """The folder of the built page."""
    return Path(str(resources.files("lensmount_web"))) / "static"


def _answering(one: Endpoint) -> Any:
    async def answer(request: Request) -> Response:
        try:
            response: Response = await one.handler(request)
            return response
        except RefusedError as refused:
            return json_answer(refused.failure, refused.status)
        except FilterError as error:
            return json_answer(Failure(error.reason, error.at), 422)
        except DialectError as error:
            return json_answer(Failure(str(error)), 404 if one.path.startswith("/api/v1/dialects") else 422)
        except MountError as error:
            return json_answer(Failure(str(error)), 422)

    return answer


async def _live(bench: Bench, socket: Any) -> None:
    player = bench.players.get(socket.path_params["id"])
    await live_socket(socket, player)


async def _not_found(_request: Request, _error: object = None) -> Response:
    return json_answer(Failure("there is no such part of the interface"), 404)


async def _not_allowed(_request: Request, _error: Exception) -> Response:
    return json_answer(Failure("this part of the interface does not work that way"), 405)


async def _defect(_request: Request, error: Exception) -> Response:
    return json_answer(Failure(f"a defect of lensmount: {type(error).__name__}; please report it"), 500)
