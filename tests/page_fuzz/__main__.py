"""Calls every operation of the page's interface with generated data, by schemathesis; any answer of 5xx fails.

Paths of sessions name one that is there, so that the calls reach the traffic behind it.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import httpx

from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_web.server import PageServer, Served

TIMEOUT_S = 120
"""How long an answer may take on a busy machine; slow is no fault here."""

HEAVY = ("/api/v1/sessions",)
"""Starting sessions without end would measure the machine; the tests of the interface start them."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=5000, help="calls at least (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    command = shutil.which("st", path=str(Path(sys.executable).parent)) or shutil.which("st")
    if command is None:
        print("schemathesis is not installed: pip install --group page", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recording = run_loopback(seconds=1.3, seed=1).save(folder / "session.lmx")
        server = PageServer(Served(files=[recording], opens_browser=False))
        thread = threading.Thread(target=server.run, args=(lambda _url: None,), daemon=True)
        thread.start()
        address, _, key = server.url.partition("#key=")
        root, _, session = address.partition("/session/")
        try:
            with httpx.Client(base_url=root) as client:
                client.post("/api/v1/login", json={"token": key}).raise_for_status()
                cookie = "; ".join(f"{cookie}={value}" for cookie, value in client.cookies.items())
                document = client.get("/api/v1/openapi.json").json()
            schema = folder / "openapi.json"
            schema.write_text(json.dumps(with_session(document, session)))
            operations = sum(len(path) for path in json.loads(schema.read_text())["paths"].values())
            each = -(-arguments.calls // operations)
            words = [command, "run", str(schema), "--url", root, "-H", f"Cookie: {cookie}", "--phases", "fuzzing"]
            words += ["--checks", "not_a_server_error", "--max-examples", str(each), "--seed", str(arguments.seed)]
            words += ["--request-timeout", str(TIMEOUT_S)]
            return subprocess.run(words, check=False).returncode
        finally:
            server.stop()
            thread.join(10)


def with_session(document: dict, session: str) -> dict:
    """The document with the name of a session in its paths, and without what ends or starts sessions."""
    paths = {}
    for path, operations in document["paths"].items():
        if path in HEAVY:
            continue
        kept = {method: one for method, one in operations.items() if method != "delete"}
        if path.startswith("/api/v1/sessions/{id}"):
            for one in kept.values():
                one["parameters"] = [part for part in one.get("parameters", []) if part["name"] != "id"]
            path = path.replace("{id}", session)
        paths[path] = kept
    return {**document, "paths": paths}


if __name__ == "__main__":
    sys.exit(main())
