"""What is seen and sent, and by whom.

Anyone reads. Visitors write their own notes and change their own name. Editors correct airports. Admins do all.
"""

from flaskkit import Resource, owner, public, role

from fieldnotes.models import Airport, Country, Note, Visitor

admins = role("admin")

countries = Resource(
    Country,
    name="countries",
    fields=["code", "name"],
    sorts=["code", "name"],
    search=["code", "name"],
    order=["name"],
    read=public,
    write=admins,
)

airports = Resource(
    Airport,
    name="airports",
    fields=[
        "icao",
        "iata",
        "name",
        "city",
        "subdivision",
        "country",
        "elevation",
        "latitude",
        "longitude",
        "timezone",
    ],
    expand={"country": ["code", "name"]},
    filters=["iata", "country_code", "timezone"],
    sorts=["icao", "name", "city", "elevation"],
    search=["icao", "iata", "name", "city"],
    order=["name"],
    read=public,
    write=admins,
    update=role("editor") | admins,
)

notes = Resource(
    Note,
    name="notes",
    fields=["airport", "visited_on", "rating", "text"],
    read_only=["author", "created_at"],
    nested={"author": ["id", "name"]},
    expand={"airport": ["icao", "name", "city", "country_code"]},
    filters=["airport_icao", "airport.country_code", "author_id", "rating"],
    sorts=["visited_on", "rating", "created_at"],
    search=["text"],
    order=["-visited_on"],
    read=public,
    create=owner("author_id"),
    write=owner("author_id") | admins,
)

visitors = Resource(
    Visitor,
    name="visitors",
    fields=["name"],
    sorts=["name"],
    search=["name"],
    order=["name"],
    read=public,
    update=owner("id") | admins,
)
