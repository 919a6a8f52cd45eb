"""What schemathesis cannot know about the example app, and nothing else."""

from __future__ import annotations

import re
from typing import Any

import schemathesis
from schemathesis.specs.openapi.checks import positive_data_acceptance

# Parameters of which the server knows whether they are its own, or were sent with something else before.
OURS = ("Idempotency-Key", "after")
CREDENTIALS = ("The CSRF ", "A session neither begins nor ends with a bearer token.")
KEPT = re.compile(
    "There is no (?!such (field|part|parameter) )|You have no such |Open the link in the mail|The password is wrong"
    # Nor what is in a file or deep in any JSON, and that two keys differ.
    "|This is [a-z]+/[^ ]+, not |The file is empty|This key is given twice|Contains a NUL character"
    "|No JSON: |A duration of too many"
)


@schemathesis.check
def valid_data_acceptance(ctx: Any, response: Any, case: Any) -> bool | None:
    """The check positive_data_acceptance, but for what depends on rows that are there and on earlier answers.

    JSON Schema has no words for "the key of a row that is there", "the ETag that it has now", "a cursor of this list"
    and "a key that did not come with another body".
    """
    if response.status_code == 412 and {"If-Match", "If-None-Match"} & {*(case.headers or {})}:
        return None
    # No schema tells whether a cookie is a session's and a token fits it, nor which of two credentials counts.
    if response.status_code == 400 and response.json()["detail"].startswith(CREDENTIALS):
        return None
    if response.status_code == 422:
        errors = response.json().get("errors", [])
        if errors and all(error.get("parameter") in OURS or KEPT.match(error["detail"]) for error in errors):
            return None
    return positive_data_acceptance(ctx, response, case)
