"""Uses the client that openapi-python-client makes: anna writes a note, changes and deletes it."""

from __future__ import annotations

import os
from datetime import date

from fieldnotes_client import AuthenticatedClient, Client
from fieldnotes_client.api.nearest import get_nearest_find_nearest
from fieldnotes_client.api.notes import create_notes, delete_notes, list_notes, read_notes, update_notes
from fieldnotes_client.models import ListNotesSortItem, Note, NoteCreate, NotePatch, Problem

url = os.environ["EXAMPLE_URL"]
stranger = Client(base_url=url)
anna = AuthenticatedClient(base_url=url, token=os.environ["EXAMPLE_TOKEN"])

note = NoteCreate(airport="LOWI", rating=5, text="Sit on the right.", visited_on=date(2026, 2, 14))

refused = create_notes.sync(client=stranger, body=note)  # type: ignore[arg-type]  # It is right to ask for a token.
assert isinstance(refused, Problem)
assert (refused.status, refused.title) == (401, "Unauthorized")

made = create_notes.sync(client=anna, body=note)
assert isinstance(made, Note), made
assert (made.rating, made.visited_on, made.airport) == (5, date(2026, 2, 14), "LOWI")

wrong = update_notes.sync(made.id, client=anna, body=NotePatch(rating=9))
assert isinstance(wrong, Problem)
assert wrong.errors
assert wrong.errors[0].pointer == "#/rating"

changed = update_notes.sync(made.id, client=anna, body=NotePatch(rating=4))
assert isinstance(changed, Note), changed
assert changed.rating == 4

found = list_notes.sync(client=anna, sort=[ListNotesSortItem.VALUE_5], rating=4, page_size=5)
assert isinstance(found, list), found
assert found[0] == changed

near = get_nearest_find_nearest.sync(client=stranger, latitude=47.3, longitude=11.3, limit=1)
assert isinstance(near, list), near
assert near[0].icao == "LOWI"

assert delete_notes.sync_detailed(made.id, client=anna).status_code == 204
gone = read_notes.sync(made.id, client=anna)
assert isinstance(gone, Problem)
assert gone.status == 404
