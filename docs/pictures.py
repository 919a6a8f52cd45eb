"""Takes the pictures of the docs: the example app in a browser, as docs/pictures/<name>.webp.

    make pictures

A new database is filled for it, so the pictures differ only where the pages do. It needs chromium.
"""

from __future__ import annotations

import base64
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any, Literal

from playwright.sync_api import Browser, sync_playwright
from werkzeug.serving import make_server

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "pictures"
DESK, PHONE = (1120, 700), (373, 700)


@dataclass(frozen=True)
class Shot:
    path: str
    size: tuple[int, int] = DESK
    look: Literal["light", "dark"] = "light"
    logged_in: bool = True
    # What is clicked on first.
    click: str = ""


# Those of one picture stand side by side.
PICTURES_OF: dict[str, tuple[Shot, ...]] = {
    "list": (Shot("/airports/?q=san&sort=city", logged_in=False),),
    "form": (Shot("/notes/1/edit"),),
    "admin": (Shot("/admin/notes/"),),
    "api": (Shot("/api/docs", click="#operations-notes-list_notes button"),),
    "dark": (Shot("/notes/", look="dark"),),
    "phone": (
        Shot("/notes/", PHONE),
        Shot("/airports/LOWI", PHONE, logged_in=False),
        Shot("/notes/1/edit", PHONE, "dark"),
    ),
}


def main() -> None:
    sys.path.insert(0, str(ROOT / "example_app"))
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as site, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, shots in PICTURES_OF.items():
            taken = [taken_of(browser, site, shot) for shot in shots]
            (PICTURES / f"{name}.webp").write_bytes(as_webp(browser, taken))
        browser.close()


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Yield the address of the example app on a new database."""
    environ = {"APP_ENV": "development", "APP_DB_URL": f"sqlite:///{folder / 'fieldnotes.db'}"}
    os.environ.update(environ)
    os.chdir(ROOT / "example_app")
    import wsgi

    from flaskkit import db

    with wsgi.app.app_context():
        db.create_all()
    for command in (["fieldnotes", "load"], ["fieldnotes", "demo"]):
        done = wsgi.app.test_cli_runner().invoke(args=command)
        assert done.exit_code == 0, done.output
    server = make_server("127.0.0.1", 0, wsgi.app, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()


def taken_of(browser: Browser, site: str, shot: Shot) -> bytes:
    width, height = shot.size
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=shot.look, locale="en-GB")
    page.set_default_timeout(60_000)
    if shot.logged_in:
        log_in(page, site)
    page.goto(site + shot.path)
    if shot.click:
        page.locator(shot.click).first.click()
    page.wait_for_load_state("networkidle")
    picture = page.screenshot()
    page.close()
    return picture


def log_in(page: Any, site: str) -> None:
    from fieldnotes import demo

    page.goto(f"{site}/auth/login")
    page.locator("input[name=email]").fill(demo.address("ada"))
    page.locator("input[name=password]").fill(demo.PASSWORD)
    page.locator("input[name=password]").press("Enter")
    page.wait_for_url(lambda url: "/auth/login" not in url)


def as_webp(browser: Browser, pictures: Sequence[bytes]) -> bytes:
    """Return them side by side as one picture, as small as the browser itself can write it."""
    page = browser.new_page()
    address = page.evaluate(
        """async (pictures) => {
            const images = await Promise.all(pictures.map(async (data) => {
                const image = new Image();
                image.src = "data:image/png;base64," + data;
                await image.decode();
                return image;
            }));
            const canvas = document.createElement("canvas");
            canvas.width = images.reduce((sum, image) => sum + image.width, 0);
            canvas.height = images[0].height;
            let left = 0;
            for (const image of images) {
                canvas.getContext("2d").drawImage(image, left, 0);
                left += image.width;
            }
            return canvas.toDataURL("image/webp", 0.8);
        }""",
        [base64.b64encode(picture).decode() for picture in pictures],
    )
    page.close()
    return base64.b64decode(address.partition(",")[2])


if __name__ == "__main__":
    main()
