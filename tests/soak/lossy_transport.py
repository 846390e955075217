"""`python -m soak.lossy_transport PLACE`: a short session over a link that loses one byte; the soak has to see it."""

import os
import select
import sys
import threading
import tty
from contextlib import suppress

from soak import __main__ as soaking

SECONDS = 1.5


class Relay:
    """Another pseudo-terminal in front of the lens's; of what the lens says the byte at `place` is left out."""

    def __init__(self, place: int) -> None:
        self._place = place

    def format(self, lens_name: str) -> str:
        """The body's port, made when the lens's is known."""
        lens = os.open(lens_name, os.O_RDWR | os.O_NOCTTY)
        near, far = os.openpty()
        for end in (lens, far):
            tty.setraw(end)
        threading.Thread(target=self._relay, args=(lens, near), daemon=True).start()
        return f"serial:{os.ttyname(far)}"

    def _relay(self, lens: int, near: int) -> None:
        passed = 0
        # A lens that has gone takes its end along.
        with suppress(OSError):
            while True:
                for end in select.select([lens, near], [], [])[0]:
                    if not (data := os.read(end, 4096)):
                        raise ConnectionError
                    if end is near:
                        os.write(lens, data)
                        continue
                    lost = self._place - passed
                    passed += len(data)
                    os.write(near, data[:lost] + data[lost + 1 :] if 0 <= lost < len(data) else data)
        os.close(near)


if __name__ == "__main__":
    soaking.LINKS["lossy"] = ("pty:", Relay(int(sys.argv[1])))
    sys.exit(0 if soaking.soak("lossy", *soaking.USUAL_PAIR, SECONDS) else 1)
