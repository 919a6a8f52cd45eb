"""Fieldnotes: the world's airports, and notes of people who were there.

    models.py      Country, Airport, Visitor, Note
    resources.py   what of them is seen and sent, and by whom
    nearest.py     the airports nearest to a position
    views.py       pages written by hand: the front page, and /nearest with a map
    forms.py       the form on /nearest
    api.py         an endpoint written by hand: /api/nearest
    load.py        flask fieldnotes load: countries and airports into the database
    demo.py        flask fieldnotes demo: people to log in as, while developing

All it knows of flaskkit is ``from flaskkit import …``.
"""

from flask.cli import AppGroup
from flaskkit import Module

from fieldnotes.api import nearest_api
from fieldnotes.demo import make_demo
from fieldnotes.load import load_airports
from fieldnotes.resources import airports, countries, notes, visitors
from fieldnotes.views import pages

module = Module(
    "fieldnotes",
    blueprints=[pages, nearest_api],
    resources=[airports, notes, countries, visitors],
    commands=[AppGroup("fieldnotes", commands=[load_airports, make_demo], help="Fill the database.")],
    contributions={"pages": {"navigation": [("Nearest airports", "fieldnotes.nearest")]}},
)
