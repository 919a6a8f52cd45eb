"""Takes the pictures of the docs: the example app in a browser, as docs/pictures/<name>.webp.

    make pictures

A new database is filled for it, so that pictures differ only where pages do, and in times of today. It needs chromium.
"""

from __future__ import annotations

import base64
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "browser"))

from example_site import served  # noqa: E402  (what is beside the tests has no package)
from kinds import KINDS, Kind, People  # noqa: E402

PICTURES = ROOT / "docs" / "pictures"
DESK, PHONE = (1120, 700), (373, 700)


@dataclass(frozen=True)
class Shot:
    path: str
    size: tuple[int, int] = DESK
    look: Literal["light", "dark"] = "light"
    who: str = "ada"
    # What is clicked on first.
    click: str = ""


# Those of one picture stand side by side.
PICTURES_OF: dict[str, tuple[Shot, ...]] = {
    "list": (Shot("/airports/?q=san&sort=city", who=""),),
    "form": (Shot("/notes/1/edit"),),
    "admin": (Shot("/admin/notes/"),),
    "api": (Shot("/api/docs", click="#operations-notes-list_notes button"),),
    "dark": (Shot("/notes/", look="dark"),),
    "phone": (
        Shot("/notes/", PHONE),
        Shot("/airports/LOWI", PHONE, who=""),
        Shot("/notes/1/edit", PHONE, "dark"),
    ),
}
# Kinds of pages, each in light, dark and on a phone in one picture. In this order: some change what others show.
LOOKS_OF = {
    "home": "home",
    "own-page": "own page",
    "filters": "list, searched and filtered",
    "detail": "detail",
    "refused": "new, refused",
    "delete": "delete chosen",
    "error": "error 404",
    "login": "login",
    "sign-up": "sign up",
    "account": "account",
    "sessions": "sessions",
    "tokens": "tokens",
    "second-factor": "second factor, off",
    "passkeys": "passkeys",
    "dashboard": "admin",
    "user": "admin, a user",
    "import": "admin, import shown",
    "conflict": "edit, conflict",
    "history": "admin, history",
    "outbox": "mail",
}


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    kinds = {kind.name: kind for kind in KINDS}
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as site, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        people = People(browser, site)
        for name, shots in PICTURES_OF.items():
            taken = [taken_of(people, shot) for shot in shots]
            (PICTURES / f"{name}.webp").write_bytes(as_webp(browser, SIDE_BY_SIDE, taken))
        # Somebody asks for a link by mail, so that there is some.
        people.open(kinds["forgotten password, sent"]).close()
        for name, kind in LOOKS_OF.items():
            taken = looks_of(people, kinds[kind])
            (PICTURES / f"{name}.webp").write_bytes(as_webp(browser, THREE_LOOKS, taken))
        browser.close()


def taken_of(people: People, shot: Shot) -> bytes:
    page = people.open(Kind("", shot.path, shot.who))
    page.set_default_timeout(60_000)
    if shot.click:
        page.locator(shot.click).first.click()
        page.wait_for_load_state("networkidle")
    picture = taken(page, shot.size, shot.look)
    page.close()
    return picture


def looks_of(people: People, kind: Kind) -> list[bytes]:
    page = people.open(kind)
    looks = [taken(page, DESK, "light"), taken(page, DESK, "dark"), taken(page, PHONE, "light")]
    page.close()
    return looks


def taken(page: Page, size: tuple[int, int], look: Literal["light", "dark"]) -> bytes:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.emulate_media(color_scheme=look)
    return page.screenshot()


SIDE_BY_SIDE = """(images, canvas, pen) => {
    canvas.width = images.reduce((sum, image) => sum + image.width, 0);
    canvas.height = images[0].height;
    let left = 0;
    for (const image of images) {
        pen.drawImage(image, left, 0);
        left += image.width;
    }
}"""
# Light on the left and dark on the right of a slanting line; the phone beside it.
THREE_LOOKS = """([light, dark, phone], canvas, pen) => {
    const {width, height} = light;
    canvas.width = width + 16 + phone.width;
    canvas.height = height;
    pen.drawImage(light, 0, 0);
    pen.drawImage(phone, width + 16, 0);
    pen.beginPath();
    for (const [x, y] of [[0.58, 0], [1, 0], [1, 1], [0.42, 1]]) pen.lineTo(x * width, y * height);
    pen.clip();
    pen.drawImage(dark, 0, 0);
}"""


def as_webp(browser: Browser, draw: str, pictures: Sequence[bytes]) -> bytes:
    """Return them as one picture, as *draw* puts them, as small as the browser itself can write it."""
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
            const draw = DRAW;
            draw(images, canvas, canvas.getContext("2d"));
            return canvas.toDataURL("image/webp", 0.8);
        }""".replace("DRAW", draw),
        [base64.b64encode(picture).decode() for picture in pictures],
    )
    page.close()
    return base64.b64decode(address.partition(",")[2])


if __name__ == "__main__":
    main()
