"""What a file may be called. A name is words for people: where the content is does not depend on
it."""

import re
import unicodedata
from typing import Final

from streamhub.domain.errors import Refused

MAX_NAME: Final = 255

_MISLEADING: Final = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Turn the direction of the text around them: `exe.txt` may be shown for `txt.exe`."""

_TYPE: Final = re.compile(r"[a-z0-9!#$&^_.+-]{1,100}/[a-z0-9!#$&^_.+-]{1,100}")

UNKNOWN_TYPE: Final = "application/octet-stream"


def file_name(given: str) -> str:
    """The last part of what may be a path, in Unicode's form C. Raises Refused: bad_request,
    invalid_text."""
    name = unicodedata.normalize("NFC", re.split(r"[/\\]", given)[-1]).strip()
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in name):
        raise Refused("invalid_text", "has a control character or half a letter", field="name")
    if _MISLEADING.search(name):
        raise Refused("invalid_text", "turns the direction of its text", field="name")
    if name in ("", ".", ".."):
        raise Refused("bad_request", "a file needs a name", field="name")
    if len(name) > MAX_NAME:
        raise Refused("bad_request", f"longer than {MAX_NAME} characters", field="name")
    return name


def mime_type(given: str | None) -> str:
    """`type/subtype` of what a client says the content is, without parameters; what cannot be one
    is an unknown type."""
    named = (given or "").partition(";")[0].strip().lower()
    return named if _TYPE.fullmatch(named) else UNKNOWN_TYPE
