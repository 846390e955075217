"""Lets only the page of this server in: host and origin of each request, and a secret that only its user has.

The secret is in the fragment of the address that the command opens, which no browser sends. The page exchanges it for a
cookie. A request to the interface without the cookie is refused, and so is one from another site or under another name
of this machine, since such a name may belong to an attacker (DNS rebinding).
"""

import hmac
import secrets
from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

API = "/api/"
LOGIN = "/api/v1/login"

POLICY = (
    "default-src 'self'; connect-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'; object-src 'none'"
)
"""Styles that the page sets on its own elements are inline; scripts are never."""

SAFE = ("GET", "HEAD")
CLOSE_REFUSED = 4403


class Guard:
    """Middleware that refuses what is not the page.

    Args:
        app: what is guarded.
        hosts: the names and addresses that a request may be for, with the port.

    Attributes:
        token: the secret of this start.
        cookie: name of the cookie; it has the port, so that two servers do not share one.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str], token: str, cookie: str) -> None:
        self.app = app
        self.token = token
        self.cookie = cookie
        self._hosts = frozenset(hosts)
        self._origins = frozenset(f"http://{host}" for host in self._hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer why it is refused."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            await self._refuse(scope, receive, send, *refusal)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(message)
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = Headers(scope=scope)
        if headers.get("host", "") not in self._hosts:
            return 400, "this server answers only under its own address; open the address that the command printed"
        origin = headers.get("origin")
        if origin is not None and origin not in self._origins:
            return 403, "this request is from another site"
        if scope["type"] == "websocket" and origin is None:
            return 403, "a socket without an origin is refused"
        if scope["type"] == "http" and headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return 403, "this request is from another site"
        path: str = scope["path"]
        if scope["type"] == "http" and (not path.startswith(API) or path == LOGIN):
            return None
        given = cookie_parser(headers.get("cookie", "")).get(self.cookie, "")
        if not self.accepts(given):
            return 403, "the page has no valid key; open the address that the command printed"
        return None

    def accepts(self, token: str) -> bool:
        """Whether this is the secret; takes the same time for every wrong one."""
        return hmac.compare_digest(token.encode(), self.token.encode())

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, status: int, reason: str) -> None:
        if scope["type"] == "http":
            response = JSONResponse({"error": reason}, status)
            await response(scope, receive, send)
            return
        # A socket that is closed before it is accepted is answered with 403.
        await receive()
        await send({"type": "websocket.close", "code": CLOSE_REFUSED, "reason": reason})


def new_token() -> str:
    """Return a secret for one start."""
    return secrets.token_urlsafe(32)


def _add_headers(message: Message) -> None:
    headers: list[tuple[bytes, bytes]] = message.setdefault("headers", [])
    for name, value in (
        ("content-security-policy", POLICY),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
    ):
        headers.append((name.encode(), value.encode()))
