"""Looks at every kind of page of the example app as people do who see, hear or use it differently.

    python tests/browser/run.py                     everything; `make accessibility` installs what it needs and runs it
    python tests/browser/run.py pages --only admin  one step; the kinds of pages whose names hold a word
    python tests/browser/run.py --write             and note the scores in docs/accessibility.md

    pages         each page of kinds.py: no violation found by axe, in light and dark and on a phone; nothing wider than
                  360 pixels, or than paper; everything reached by the Tab key, in order, and seen then; the skip
                  link skips
    lighthouse    at least 95 of 100 in each category, on a list, a row, a form and the login

What is wrong is told with the page and the element. Exits with 1 if anything is.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, ViewportSize, sync_playwright

sys.path.insert(0, str(Path(__file__).parent))

from example_site import served
from kinds import KINDS, Kind, People

ROOT = Path(__file__).parents[2]
NODE = ROOT / ".accessibility" / "node_modules"
REPORT = ROOT / "docs" / "accessibility.md"
CHROMIUM = shutil.which("chromium")
DESK: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 360, "height": 740}
# A4, at 96 pixels an inch.
PAPER: ViewportSize = {"width": 794, "height": 1123}
# Swagger UI's own pages; what we add to it is looked at.
FOREIGN = [".swagger-ui"]
LEAST = 95
MEASURED = {"list": "/airports/", "row": "/airports/LOWI", "form": "/notes/new", "login": "/auth/login"}
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("steps", nargs="*", metavar="step", help=f"of {', '.join(STEPS)}; both without any")
    parser.add_argument("--only", default="", help="a word in the names of the kinds of pages to look at")
    parser.add_argument("--write", action="store_true", help="note the scores in docs/accessibility.md")
    asked = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as url:
        for name in asked.steps or STEPS:
            for said in STEPS[name](url, asked):
                wrong += 1
                print(f"WRONG  {said}", flush=True)
    print(f"{wrong} things are wrong." if wrong else "Nothing is wrong.")
    return 1 if wrong else 0


def pages(url: str, asked: argparse.Namespace) -> Iterator[str]:
    """Yield what is wrong with any kind of page."""
    axe = (NODE / "axe-core" / "axe.min.js").read_text("utf-8")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        people = People(browser, url, viewport=DESK)
        for kind in KINDS:
            # What was done on one page is there on the next, so that each is opened.
            page = people.open(kind)
            if asked.only in kind.name:
                began = time.monotonic()
                yield from (f"{kind.name} ({kind.path}): {said}" for said in looked_at(page, kind, axe))
                print(f"       {kind.name} ({time.monotonic() - began:.1f} s)", flush=True)
            page.close()
        browser.close()


def looked_at(page: Page, kind: Kind, axe: str) -> Iterator[str]:
    # By the debugger's channel, which the pages' policy does not forbid.
    page.evaluate(axe)
    for look in ("light", "dark"):
        page.emulate_media(color_scheme=look)
        yield from (f"{look}: {said}" for said in violations(page))
    if kind.keyboard:
        yield from reached_by_keyboard(page)
    page.set_viewport_size(PHONE)
    yield from (f"phone: {said}" for said in violations(page))
    yield from too_wide(page, "phone", PHONE)
    page.emulate_media(media="print")
    page.set_viewport_size(PAPER)
    yield from too_wide(page, "paper", PAPER)
    page.emulate_media(media="screen")
    page.set_viewport_size(DESK)


def too_wide(page: Page, where: str, size: ViewportSize) -> Iterator[str]:
    wide = page.evaluate("document.documentElement.scrollWidth")
    if wide > size["width"]:
        yield f"{where}: {wide} pixels wide"


def violations(page: Page) -> Iterator[str]:
    found = page.evaluate(
        "foreign => axe.run({exclude: foreign}, {resultTypes: ['violations']}).then(found => found.violations)", FOREIGN
    )
    for one in found:
        for node in one["nodes"]:
            yield f"{one['id']}: {one['help']}: {node['html'][:200]}"


# What Tab should reach, in the order of the page; each is numbered. Of radio buttons one only.
STOPS = """() => {
    const reachable = "a[href], button, input, select, textarea, summary, iframe, [tabindex]";
    const stops = [...document.querySelectorAll(reachable)].filter((one) =>
        !one.disabled && one.tabIndex >= 0 && one.type !== "hidden" && one.checkVisibility({visibilityProperty: true})
    );
    stops.forEach((one, number) => one.dataset.stop = number);
    return stops.map((one) => [one.tabIndex, one.outerHTML.slice(0, 160)]);
}"""
HERE = """() => {
    const one = document.activeElement;
    const style = getComputedStyle(one);
    const box = one.getBoundingClientRect();
    const [x, y] = [box.x + Math.min(box.width, innerWidth) / 2, box.y + Math.min(box.height, innerHeight - box.y) / 2];
    const top = document.elementFromPoint(x, y);
    return {
        stop: one.dataset.stop === undefined ? -1 : Number(one.dataset.stop),
        outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
        uncovered: Boolean(top) && (one.contains(top) || top.contains(one)),
    };
}"""


def reached_by_keyboard(page: Page) -> Iterator[str]:
    """Press Tab from the skip link to the end of the page."""
    stops = page.evaluate(STOPS)
    if any(index for index, _ in stops):
        yield "something has a tabindex above 0, which breaks the order"
    if "skip-link" not in stops[0][1]:
        yield f"the first stop is no skip link: {stops[0][1]}"
        return
    # An input may have been focused when the page was shown.
    page.evaluate("document.querySelector('[data-stop=\"0\"]').focus()")
    reached = []
    while True:
        here = page.evaluate(HERE)
        if here["stop"] < 0 or (here["stop"] in reached and here["stop"] != reached[-1]):
            break
        if here["stop"] not in reached:
            reached.append(here["stop"])
            if not here["outlined"]:
                yield f"keyboard: focus is not seen: {stops[here['stop']][1]}"
            if not here["uncovered"]:
                yield f"keyboard: is out of sight when focused: {stops[here['stop']][1]}"
        if len(reached) > len(stops) + 1:
            break
        page.keyboard.press("Tab")
    if reached != sorted(reached):
        yield f"keyboard: the order is not that of the page: {reached}"
    for number in sorted(set(range(len(stops))) - set(reached)):
        yield f"keyboard: is not reached: {stops[number][1]}"
    page.evaluate("document.querySelector('[data-stop=\"0\"]').focus()")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    if not page.evaluate("document.querySelector('main').contains(document.activeElement)") and page.evaluate(
        "Boolean(document.querySelector('main [data-stop]'))"
    ):
        yield "keyboard: the skip link does not lead to the content"


def lighthouse(url: str, asked: argparse.Namespace) -> Iterator[str]:
    """Yield which page scores below the least in which category."""
    scores = {}
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        [session] = [one for one in People(browser, url).context("anna").cookies() if one["name"] == "session"]
        browser.close()
    for name, path in MEASURED.items():
        who = f"session={session['value']}" if name == "form" else ""
        scores[name] = measured(url + path, who)
        print(f"       {name}: {scores[name]}", flush=True)
        for category, score in scores[name].items():
            if score < LEAST:
                yield f"{name} ({path}): {score} of 100 in {category}"
    if asked.write:
        noted(scores)


def measured(address: str, cookie: str) -> dict[str, int]:
    """Return the score in each category; the best of three, where one is too low: other work slows a page down."""
    best: dict[str, int] = {}
    for _ in range(3):
        score = measured_once(address, cookie)
        best = {name: max(best.get(name, 0), score.get(name, 0)) for name in CATEGORIES}
        if min(best.values()) >= LEAST:
            break
    return best


def measured_once(address: str, cookie: str) -> dict[str, int]:
    """Return the scores, or none where Lighthouse asks to be run again."""
    command = [NODE / ".bin" / "lighthouse", address, "--quiet", "--output=json"]
    command += ["--chrome-flags=--headless=new --no-sandbox", f"--only-categories={','.join(CATEGORIES)}"]
    if cookie:
        command += [f"--extra-headers={json.dumps({'Cookie': cookie})}"]
    run = subprocess.run(
        command, env=os.environ | {"CHROME_PATH": str(CHROMIUM)}, capture_output=True, text=True, check=False
    )
    if "Please run Lighthouse again" in run.stderr:
        return {}
    if run.returncode:
        raise RuntimeError(f"Lighthouse on {address}: {run.stderr}")
    told: dict[str, Any] = json.loads(run.stdout)
    if told["finalDisplayedUrl"] != address:
        raise RuntimeError(f"Lighthouse saw {told['finalDisplayedUrl']} instead of {address}")
    return {name: round(told["categories"][name]["score"] * 100) for name in CATEGORIES}


def noted(scores: dict[str, dict[str, int]]) -> None:
    """Put *scores* into the table of the page."""
    lines = ["| page | " + " | ".join(CATEGORIES) + " |", "|---" * (len(CATEGORIES) + 1) + "|"]
    for name, by_category in scores.items():
        lines.append(f"| {name}, `{MEASURED[name]}` | " + " | ".join(map(str, by_category.values())) + " |")
    table = "<!-- scores -->\n" + "\n".join(lines) + "\n<!-- /scores -->"
    text, found = re.subn(r"<!-- scores -->.*<!-- /scores -->", table, REPORT.read_text("utf-8"), flags=re.DOTALL)
    assert found == 1, f"{REPORT} has no place for the scores."
    REPORT.write_text(text, "utf-8")


STEPS = {"pages": pages, "lighthouse": lighthouse}


if __name__ == "__main__":
    sys.exit(main())
