"""Takes the pictures of the page in the documentation: the session view, light and dark, and the controls of a pair."""

import shutil
import sys
import threading
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_web.server import PageServer, Served

FOLDER = Path(__file__).parents[2] / "docs" / "how-to" / "img"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
TIMEOUT_MS = 60_000


def shown(page: Page, address: str, wanted: str) -> None:
    page.goto(address)
    page.wait_for_selector(wanted)


def wait_until(page: Page, expression: str, seconds: int = 120) -> None:
    for _ in range(seconds * 10):
        if page.evaluate(f"!!({expression})"):
            return
        page.wait_for_timeout(100)
    raise SystemExit(f"stayed false: {expression}")


def session_view(page: Page, address: str) -> None:
    shown(page, address, ".row")
    page.evaluate("lensmount.state.setView(1.335, 1.405)")
    row = page.evaluate(
        "Array.from({length: lensmount.state.columns.value.rows}, (_, row) => row).find(row =>"
        " lensmount.state.columns.value.at.data[row] > 1.36"
        " && lensmount.state.columns.value.composed(row)?.names[0] === 'LensStatus')"
    )
    page.evaluate(f"lensmount.state.select({row})")
    page.evaluate("lensmount.state.addMarker(1.3516); lensmount.state.addMarker(lensmount.state.cursor.value)")
    page.wait_for_selector('tr[data-field="distance"]')
    page.hover('tr[data-field="distance"]')
    page.wait_for_timeout(1200)


def controls(page: Page, address: str) -> None:
    shown(page, address, ".card >> nth=1")
    page.wait_for_timeout(2500)
    page.click('.choice .chip:has-text("lmount")')
    page.select_option(".pair select >> nth=-1", "panasonic-s-20-60mm-f3.5-5.6")
    page.click('button.main:has-text("Start")')
    page.wait_for_selector(".virtual")
    page.wait_for_timeout(2500)
    page.fill('input[aria-label="script"]', "zoom 60; focus far; aperture f/8; autofocus; wait 0.2")
    page.keyboard.press("Enter")
    wait_until(
        page, "lensmount.state.mount.value?.gauges.find(one => one.part === 'zoom')?.value.text.startsWith('60')"
    )
    wait_until(page, "lensmount.state.mount.value?.viewfinder?.contrast > 0.9")
    page.wait_for_timeout(700)


def main() -> int:
    browser_path = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser_path is None:
        print("chromium is not installed; .ci/packages names it", file=sys.stderr)
        return 1
    FOLDER.mkdir(exist_ok=True)
    recording = Path(FOLDER / ".session.lmx")
    run_loopback(script="focus 0x3F50; focus 0x4200", seconds=1.9, seed=7).save(recording, overwrite=True)
    server = PageServer(Served(files=[recording], opens_browser=False))
    thread = threading.Thread(target=server.run, args=(lambda _url: None,), daemon=True)
    thread.start()
    root, _, rest = server.url.partition("/session/")
    key = rest.partition("#")[2]
    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=browser_path, args=FLAGS, timeout=TIMEOUT_MS)
            for scheme in ("dark", "light"):
                context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme=scheme)
                page = context.new_page()
                page.set_default_timeout(TIMEOUT_MS)
                session_view(page, server.url)
                page.screenshot(path=FOLDER / f"page-session-{scheme}.png")
                controls(page, f"{root}/#{key}")
                page.screenshot(path=FOLDER / f"page-control-{scheme}.png")
                context.close()
            browser.close()
    finally:
        server.stop()
        thread.join(10)
        recording.unlink()
    for path in sorted(FOLDER.glob("page-*.png")):
        print(f"{path.relative_to(FOLDER.parents[2])}: {path.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
