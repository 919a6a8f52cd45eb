"""The catalogues of flaskkit's own texts: what must be in them, and how they are written anew.

    python tests/i18n/catalogues.py     after a text has changed: new ones stand in the .po files, empty

Templates and Python are read for ``_()``, ``{% trans %}``, ``say()`` and the like. A few texts come from elsewhere.
"""

from __future__ import annotations

from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel.messages import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from werkzeug.exceptions import default_exceptions

import flaskkit
from flaskkit import errors
from flaskkit.auth.errors import ConfirmationRequired

PACKAGE = Path(flaskkit.__file__).parent
FOLDER = PACKAGE / "i18n" / "translations"
LANGUAGES = ("de", "es")
METHODS = [
    ("scaffold/**", "ignore"),
    ("**.py", "python"),
    ("**/templates/**.html", "jinja2"),
    ("**/templates/**.txt", "jinja2"),
]
KEYWORDS = {"_": None, "gettext": None, "say": None, "ngettext": (1, 2), "say_many": (1, 2)}
# The names of errors with a page of their own, as Werkzeug has them.
CODES = (400, 401, 403, 404, 405, 409, 413, 415, 422, 428, 429, 500, 503)
# Said by the core and by Flask-WTF, which know nothing of catalogues.
OTHERS = (
    errors.LoginRequired.description,
    ConfirmationRequired.description,
    "Some values cannot be accepted.",
    "This collides with what is already stored.",
    "The database cannot be reached just now. Please try again.",
    "The CSRF token is missing.",
    "The CSRF token is invalid.",
    "The CSRF token has expired.",
    "The CSRF session token is missing.",
    "The CSRF tokens do not match.",
    "The referrer header is missing.",
    "The referrer does not match the host.",
    "Please log in to access this page.",
    # Labels of the users' columns, as the admin shows them, of their sessions and tokens, and of Timestamps.
    *("Users", "Roles", "Name", "Description", "Permissions", "Active", "Confirmed at", "Password hash", "Id"),
    *("Sessions", "Tokens", "User", "Device", "Address", "Scopes", "By", "Seen at", "Used at", "Expires at"),
    *("Created at", "Updated at"),
)

# The same each time, so that nothing changes but texts.
BEGUN = datetime(2026, 11, 21, tzinfo=UTC)


def template() -> Catalog:
    """Return every text that must be in a catalogue, with where it is said."""
    found = Catalog(project="flaskkit", charset="utf-8", fuzzy=False, creation_date=BEGUN)
    for name, _, message, _, _ in extract_from_dir(PACKAGE, METHODS, {}, KEYWORDS):
        found.add(message, locations=[(f"flaskkit/{name}", 0)])
    for code in CODES:
        found.add(default_exceptions[code]().name)
    for text in OTHERS:
        assert text
        found.add(text)
    return found


def path_of(language: str) -> Path:
    return FOLDER / language / "LC_MESSAGES" / "flaskkit.po"


def read(language: str) -> Catalog:
    """Return the catalogue of *language* as it is committed."""
    with path_of(language).open("rb") as file:
        return read_po(file, locale=language)


def empty(catalogue: Catalog) -> list[object]:
    """Return the texts that *catalogue* does not translate, in each of their forms."""
    forms = [(one.id, one.string if one.pluralizable else (one.string,)) for one in catalogue if one.id]
    return [text for text, strings in forms if not all(strings)]


def compiled(catalogue: Catalog) -> bytes:
    """Return the .mo file of *catalogue*."""
    file = BytesIO()
    write_mo(file, catalogue)
    return file.getvalue()


def main() -> None:
    known = template()
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / "flaskkit.pot").open("wb") as file:
        write_po(file, known, width=120, omit_header=True, sort_output=True, include_lineno=False)
    for language in LANGUAGES:
        path = path_of(language)
        path.parent.mkdir(parents=True, exist_ok=True)
        catalogue = read(language) if path.exists() else Catalog(locale=language, domain="flaskkit")
        catalogue.header_comment = (
            "# The texts of flaskkit. Written by tests/i18n/catalogues.py; the translations stay."
        )
        catalogue.project, catalogue.version, catalogue.language_team = "flaskkit", "", catalogue.locale.english_name
        catalogue.last_translator, catalogue.msgid_bugs_address = "", ""
        catalogue.creation_date = catalogue.revision_date = BEGUN
        catalogue.update(known, no_fuzzy_matching=True)
        catalogue.obsolete.clear()
        catalogue.fuzzy = False
        with path.open("wb") as file:
            write_po(file, catalogue, width=120, sort_output=True, include_lineno=False, ignore_obsolete=True)
        path.with_suffix(".mo").write_bytes(compiled(read(language)))
        print(f"{path}: {len(catalogue)} texts, {len(empty(catalogue))} of them empty")


if __name__ == "__main__":
    main()
