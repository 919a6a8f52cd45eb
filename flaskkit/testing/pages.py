"""The forms on a page, as a browser would send them."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Form:
    """A form: where it goes, how, and what it holds."""

    action: str
    method: str
    values: dict[str, str] = field(default_factory=dict)


def forms_in(html: str, path: str) -> list[Form]:
    """Return the forms on the page at *path*; each button that has a name makes one."""
    parser = _Forms(path)
    parser.feed(html)
    parser.close()
    return [
        Form(form.action, form.method, {**form.values, **button})
        for form, buttons in parser.found
        for button in (buttons or [{}])
    ]


class _Forms(HTMLParser):
    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path
        self.found: list[tuple[Form, list[dict[str, str]]]] = []
        self._select = ""
        self._open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open = True
            action = given.get("action", "").partition("#")[0] or self.path
            self.found.append((Form(action, given.get("method", "get").upper()), []))
        if not self._open:
            return
        form, buttons = self.found[-1]
        name, value = given.get("name", ""), given.get("value", "")
        if tag == "button" and name:
            buttons.append({name: value})
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select and ("selected" in given or self._select not in form.values):
            form.values[self._select] = value
        elif tag == "textarea" and name:
            form.values[name] = "x"
        elif tag == "input" and name and given.get("type") not in ("submit", "file", "image", "reset"):
            if given.get("type") in ("checkbox", "radio"):
                form.values.setdefault(name, value or "y")
            else:
                form.values[name] = value

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = False
        elif tag == "select":
            self._select = ""
