"""Nobody sees or changes what is another's; and the tests would notice if somebody could."""

from dataclasses import replace

import pytest
from flaskkit import create_app, login, public
from flaskkit.testing import assert_isolated

from fieldnotes import module, resources

# Notes are for everybody, and so is the name of who wrote one.
SEEN = ["notes", "visitors.name"]


def test_everybody_keeps_to_what_is_theirs(app):
    assert_isolated(app, seen=SEEN)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (replace(resources.notes, delete=login), "another user: DELETE /api/notes/"),
        (replace(resources.airports, delete=public), "a stranger: DELETE /api/airports/"),
        (replace(resources.visitors, fields=["name", "email"]), "a stranger: GET /api/visitors showed visitor.email"),
    ],
    ids=["owner", "role", "field"],
)
def test_a_right_that_is_taken_away_is_noticed(made_app, changed, told):
    others = [one for one in module.resources if one.model is not changed.model]
    # The API is enough to see it.
    config = made_app.extensions["flaskkit"].config.without("admin", "pages", "security")
    app = create_app(config.replace(modules=[replace(module, resources=[*others, changed], blueprints=[])]))
    with pytest.raises(AssertionError, match=told):
        assert_isolated(app, seen=SEEN)
