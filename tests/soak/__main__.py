"""`python -m soak SECONDS [BODY LENS]`: both ends in processes of their own, over a pseudo-terminal and over TCP."""

import json
import subprocess
import sys
from typing import Protocol

from soak.byte_accounting import difference


class Far(Protocol):
    """The body's port in words, from the name of the lens's."""

    def format(self, name: str, /) -> str: ...


USUAL_PAIR = ("a6000", "sel55210")
LINKS: dict[str, tuple[str, Far]] = {"pty": ("pty:", "serial:{}"), "tcp": ("tcp:127.0.0.1:0?listen=1", "{}")}
LINGER = 2.0
"""Seconds that the lens goes on behind the body, so that all that the body sent has come."""

LEAST_BYTES_A_SECOND = 100
"""An end that says less has stopped, and where nothing is sent nothing can be lost."""

MOST_GROWTH_KIB = 1024
"""Between a quarter of the way and its end; before that, code is made and tables are read for the first time."""


def soak(link: str, body: str, lens: str, seconds: float) -> bool:
    near, far = LINKS[link]
    run = [sys.executable, "-m", "soak.endpoint"]
    lens_end = subprocess.Popen([*run, "lens", lens, near, str(seconds + LINGER)], stdout=subprocess.PIPE, text=True)
    assert lens_end.stdout is not None
    try:
        port = far.format(lens_end.stdout.readline().strip())
        of_body = subprocess.run(
            [*run, "body", body, port, str(seconds)], stdout=subprocess.PIPE, text=True, check=True
        )
        of_lens, _ = lens_end.communicate(timeout=LINGER + 30)
    finally:
        lens_end.kill()
        lens_end.wait()
    told = {"body": json.loads(of_body.stdout.splitlines()[-1]), "lens": json.loads(of_lens.splitlines()[-1])}
    print(f"== {body} and {lens} over {link}, {seconds:g} s")
    problems: list[str] = []
    for end, other in (("body", "lens"), ("lens", "body")):
        one = told[end]
        memory = one["memory_kib"]
        growth = memory[-1] - memory[len(memory) // 4]
        sent = one["ledgers"][end]
        print(f"{end}: {sent['size']} bytes sent, resident memory {memory[0]} to {memory[-1]} KiB, grew {growth} KiB")
        print(f"{end}: {one['deadlines']} deadlines met late by {one['lateness']}")
        print("\n".join(one["bars"]))
        problems += [f"{end}: {text}" for text in one["troubles"]]
        if sent["size"] < LEAST_BYTES_A_SECOND * seconds:
            problems.append(f"{end}: {sent['size']} bytes in {seconds:g} s are no session")
        if wrong := difference(sent, told[other]["ledgers"][end]):
            problems.append(f"from the {end}: {wrong}")
        if growth > MOST_GROWTH_KIB:
            problems.append(f"{end}: memory grew by {growth} KiB")
    print("\n".join(problems) or "no byte lost, memory flat", flush=True)
    return not problems


def main(seconds: float, pair: tuple[str, str] = USUAL_PAIR) -> int:
    good = [soak(link, *pair, seconds) for link in LINKS]
    return 0 if all(good) else 1


if __name__ == "__main__":
    words = sys.argv[2:4]
    sys.exit(main(float(sys.argv[1]), (words[0], words[1]) if words else USUAL_PAIR))
