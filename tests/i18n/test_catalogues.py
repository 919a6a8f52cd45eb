"""Every text of flaskkit's own is in the catalogues, translated, and compiled."""

from __future__ import annotations

import re

import pytest

from tests.i18n import catalogues

# Words that are the same in both languages, and what has no words.
HOLES = re.compile(r"%\((\w+)\)s")


@pytest.mark.parametrize("language", catalogues.LANGUAGES)
def test_the_catalogue_has_every_text(language):
    """If not: python tests/i18n/catalogues.py, and translate what is new."""
    known, wanted = catalogues.read(language), catalogues.template()
    assert {one.id for one in known} == {one.id for one in wanted}
    assert catalogues.empty(known) == []


@pytest.mark.parametrize("language", catalogues.LANGUAGES)
def test_a_translation_has_the_same_holes(language):
    for one in catalogues.read(language):
        forms = zip(one.id, one.string, strict=True) if one.pluralizable else [(one.id, one.string)]
        for text, said in forms:
            # What is there once need not be counted: "one code", "%(num)s codes".
            missing = {*HOLES.findall(text)} - {*HOLES.findall(said)} - {"num"}
            assert not missing, one.id
            assert {*HOLES.findall(said)} <= {*HOLES.findall(text), "num"}, one.id
            assert re.findall(r"</?\w+", text) == re.findall(r"</?\w+", said), one.id


@pytest.mark.parametrize("language", catalogues.LANGUAGES)
def test_what_is_compiled_is_current(language):
    compiled = catalogues.path_of(language).with_suffix(".mo").read_bytes()
    assert compiled == catalogues.compiled(catalogues.read(language))


def test_texts_are_found_where_they_are_said():
    found = {one.id for one in catalogues.template()}
    assert {"Save", "Must be at least %(least)s.", ("%(rows)s row", "%(rows)s rows")} <= found
    assert "Your account at %(site)s is deleted" in found, "texts of mails are read as well"
