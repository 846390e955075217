"""Calls every operation of the page's interface with generated data, by schemathesis; any answer of 5xx fails.

Paths name a session, a matrix and fields that are there, so that the calls reach what is behind them.
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

from lensmount_emulator.cli.main import main as verb
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_web.server import PageServer, Served

TIMEOUT_S = 120
"""How long an answer may take on a busy machine; slow is no fault here."""

MATRIX = "1"
"""Name of the matrix that is served; calls for a campaign find that it is none."""

FIELDS = ["FocusStatus.position", "LensStatus.aperture", "LensStatus.row_a", "BodyMode.focus_mode"]

KNOWN = {
    ("{name}", "name"): [*FIELDS, "emount", "lmount"],
    ("change", "name"): FIELDS,
    "way": ["next", "previous"],
    "form": [".csv", ".pftrace", ".html"],
    "part": ["all", "first", "rest"],
    ("{number}", "number"): [0],
}
"""Parameter, or the end of a path and a parameter of it -> values that reach what is behind it, beside any others."""

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
        matrix = folder / "matrix.json"
        cells = [
            "--dialect",
            "emount",
            "--body",
            "a6000",
            "--lens",
            "sel55210",
            "--accessory",
            "none",
            "--script",
            "wait 0.1",
        ]
        verb(["matrix", *cells, "--json", str(matrix), "--quiet"])
        server = PageServer(Served(files=[recording, matrix], opens_browser=False))
        thread = threading.Thread(target=server.run, args=(lambda _url: None,), daemon=True)
        thread.start()
        address, _, key = server.url.partition("#key=")
        root = "/".join(address.split("/")[:3])
        session = next(iter(server.bench.store)).id
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
        for one in kept.values():
            for part in one.get("parameters", []):
                known = KNOWN.get((path.rpartition("/")[2], part["name"])) or KNOWN.get(part["name"])
                if known:
                    part["schema"] = {"anyOf": [{"enum": known}, part["schema"]]}
        if "{id}" in path:
            for one in kept.values():
                one["parameters"] = [part for part in one.get("parameters", []) if part["name"] != "id"]
            path = path.replace("{id}", session if path.startswith("/api/v1/sessions/") else MATRIX)
        paths[path] = kept
    return {**document, "paths": paths}


if __name__ == "__main__":
    sys.exit(main())
