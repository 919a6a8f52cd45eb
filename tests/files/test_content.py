"""What a file is, by what is in it."""

from __future__ import annotations

import struct
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flaskkit import FileType
from flaskkit.files.content import knows, media_type_of
from flaskkit.files.images import dimensions_of
from tests.files.conftest import archive, png

OFFICE = "application/vnd.openxmlformats-officedocument"
ODT = "application/vnd.oasis.opendocument.text"
JPEG = bytes.fromhex(
    "ffd8ffe000104a46494600010100000100010000ffdb0004ffff"  # the header, a table, a fill byte before the next
    "ffc0000b0800070005010111 00ffd9".replace(" ", "")
)
SAMPLES = [
    (png(), "image/png"),
    (JPEG, "image/jpeg"),
    (b"GIF89a\x05\0\x07\0\0\0\0;", "image/gif"),
    (b"RIFF\x24\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x04\0\0\x06\0\0", "image/webp"),
    (b"\0\0\0\x20ftypavif\0\0\0\0avifmif1", "image/avif"),
    (b"\0\0\0\x18ftypheic\0\0\0\0", "image/heic"),
    (b"II*\0\x08\0\0\0", "image/tiff"),
    (b"%PDF-1.7\n", "application/pdf"),
    (archive(a="1"), "application/zip"),
    (archive(**{"[Content_Types].xml": "", "word/document.xml": ""}), f"{OFFICE}.wordprocessingml.document"),
    (archive(**{"[Content_Types].xml": "", "xl/workbook.xml": ""}), f"{OFFICE}.spreadsheetml.sheet"),
    (archive(mimetype=ODT), ODT),
    (archive(mimetype="text/html"), "application/zip"),
    (b"PK\3\4 broken", "application/zip"),
    (b"ID3\4\0", "audio/mpeg"),
    (b"RIFF\x24\0\0\0WAVEfmt ", "audio/wav"),
    (b"OggS\0\2", "audio/ogg"),
    (b"\0\0\0\x20ftypisom\0\0\2\0", "video/mp4"),
    (b"\x1aE\xdf\xa3\x9fB\x86\x81\1B\x82\x84webm", "video/webm"),
    (b"Hello", "text/plain"),
    ("Grüße\r\n".encode(), "text/plain"),
    (b"BM is how it begins, and II*", "text/plain"),
    (b"\xef\xbb\xbf <?xml version='1.0'?><svg/>", "image/svg+xml"),
    (b" <!DOCTYPE html><p>", "text/html"),
    (b"<?xml version='1.0'?><a/>", "application/xml"),
    (b"MZ\x90\0\3", "application/octet-stream"),
    ("Grüße".encode("latin-1"), "application/octet-stream"),
    (b"a\0b", "application/octet-stream"),
    (b"x" * 70_000 + b"\0", "application/octet-stream"),
]


@pytest.mark.parametrize(("content", "media_type"), SAMPLES, ids=[one for _, one in SAMPLES])
def test_content_tells_the_type(content, media_type):
    stream = BytesIO(content)
    assert media_type_of(stream, "misleading.gif") == media_type
    assert stream.tell() == 0
    assert knows(media_type)


@pytest.mark.parametrize(
    ("content", "name", "wanted", "media_type"),
    [
        (b"a,b", "a.csv", (), "text/csv"),
        (b"a,b", "a.txt", ["text/csv"], "text/csv"),
        (b"a,b", "a.csv", ["text/plain"], "text/plain"),
        (b"# a", "a.md", ["text/plain", "text/markdown"], "text/markdown"),
        (b'{"a": 1}', "a", ["application/json"], "application/json"),
        (b'{"a": 1', "a.json", ["application/json"], "text/plain"),
        (b"[" * 100_000, "a.json", ["application/json"], "text/plain"),
        (b'{"a": 1}', "a.json", (), "application/json"),
        (b"hello", "a.html", (), "text/plain"),
        (b"<script>", "a.txt", (), "text/plain"),
        (b"<svg/>", "a.csv", ["text/csv"], "image/svg+xml"),
    ],
)
def test_a_name_tells_only_kinds_of_plain_text_apart(content, name, wanted, media_type):
    assert media_type_of(BytesIO(content), name, wanted) == media_type


@pytest.mark.parametrize(
    ("content", "size"),
    [
        (png(30, 20), (30, 20)),
        (JPEG, (5, 7)),
        (b"GIF89a\x05\0\x07\0", (5, 7)),
        (b"RIFF\x24\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x04\0\0\x06\0\0", (5, 7)),
        (b"RIFF\x24\0\0\0WEBPVP8 \x0a\0\0\0\0\0\0\x9d\x01\x2a\x05\0\x07\0", (5, 7)),
        (b"RIFF\x24\0\0\0WEBPVP8L\x0a\0\0\0\x2f\x04\x80\x01\0", (5, 7)),
        (png(0, 5), None),
        (png()[:20], None),
        (JPEG[:12], None),
        (b"\xff\xd8\xff" + b"\xff" * 10, None),
        (b"\xff\xd8" + b"\xff\xe0\0\2" * 2000, None),
        (b"%PDF-", None),
    ],
)
def test_images_tell_how_large_they_are(content, size):
    assert dimensions_of(BytesIO(content), media_type_of(BytesIO(content), "")) == size


@pytest.mark.parametrize(
    ("size", "told"),
    [
        ((60, 40), ""),
        ((81, 40), "The image is 81 pixels wide. At most 80 are taken."),
        ((60, 51), "The image is 51 pixels high. At most 50 are taken."),
        ((19, 40), "The image is 19 pixels wide. At least 20 are needed."),
        ((0, 40), "How wide and high this image is cannot be told."),
    ],
)
def test_an_image_of_other_width_or_height_is_refused(size, told):
    rules = FileType("image/png", min_pixels=(20, 10), max_pixels=(80, 50))
    assert refusal(rules, png(*size)) == told
    assert [str(one) for one in rules.limits] == ["Width in pixels: 20 to 80.", "Height in pixels: 10 to 50."]


def test_an_image_that_would_fill_the_memory_is_refused_unread():
    bomb = png()[:16] + struct.pack(">II", 20_000, 20_000) + png()[24:]
    assert refusal(FileType("image/png"), bomb) == "The image has more than 100 million pixels."
    assert refusal(FileType(), bomb) == "The image has more than 100 million pixels."
    assert refusal(FileType("image/png", max_pixels=(20_000, 20_000)), bomb) == ""


def refusal(rules, content):
    try:
        rules.take(BytesIO(content), "cover.png")
    except ValueError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("types", [(), ["image/png", "image/tiff"]], ids=["any", "tiff"])
def test_limits_of_pixels_need_types_that_tell_them(types):
    with pytest.raises(ValueError, match="cannot tell how wide and high (any file|image/tiff) is"):
        FileType(types, max_pixels=(80, 50))


@given(place=st.integers(0, 200), put=st.binary(min_size=1, max_size=8))
@settings(deadline=None)
def test_no_archive_breaks_it(place, put):
    sound = archive(mimetype=ODT)
    broken = sound[:place] + put + sound[place + len(put) :]
    assert knows(media_type_of(BytesIO(b"PK\3\4" + broken[4:]), "a.odt"))


@given(start=st.sampled_from([content[:12] for content, _ in SAMPLES]), rest=st.binary(max_size=200), name=st.text())
@settings(deadline=None)
def test_nothing_breaks_it(start, rest, name):
    taken = FileType().take(BytesIO(start + rest), name)
    assert knows(taken.media_type)
    assert taken.size == len(start + rest)
    assert "/" not in taken.name
    assert len(taken.name) <= 160
    assert taken.name.isprintable()
