"""Cursors of keyset pages, and windows of history: the same for every implementation."""

from collections.abc import Sequence
from typing import Final

from streamhub.domain.accounts import Account
from streamhub.domain.channels import Channel, History, Member, Message, Saved, Thread
from streamhub.domain.errors import Refused
from streamhub.domain.files import File
from streamhub.domain.folders import Folder
from streamhub.domain.ids import (
    CHANNEL,
    FILE,
    FOLDER,
    JOB,
    MESSAGE,
    NOTIFICATION,
    REPORT,
    USER,
    is_id,
)
from streamhub.domain.kept_drafts import KeptDraft
from streamhub.domain.notifications import Notification
from streamhub.domain.reports import Report
from streamhub.domain.scheduling import Job

ABOVE_ALL_IDS: Final = "~"
ABOVE_ALL_SEQS: Final = 2**62
ABOVE_ALL_TIMES: Final = 2**62


def after_channel(cursor: str | None) -> str:
    """The id below which a page of channels begins. Raises Refused("bad_request")."""
    if cursor is None:
        return ABOVE_ALL_IDS
    if not is_id(cursor, CHANNEL):
        raise _bad_cursor()
    return cursor


def channel_cursor(items: Sequence[Channel], *, more: bool) -> str | None:
    return items[-1].id if more else None


def after_account(cursor: str | None) -> str:
    """The id after which a page of accounts begins. Raises Refused("bad_request")."""
    if cursor is not None and not is_id(cursor, USER):
        raise _bad_cursor()
    return cursor or ""


def account_cursor(items: Sequence[Account], *, more: bool) -> str | None:
    return items[-1].id if more else None


def after_member(cursor: str | None) -> tuple[int, str]:
    """The time of joining and the user after whom a page of members begins. Raises Refused."""
    if cursor is None:
        return -1, ""
    joined_at, _, user = cursor.partition(".")
    if not (joined_at.isdecimal() and len(joined_at) <= 16 and is_id(user, USER)):
        raise _bad_cursor()
    return int(joined_at), user


def member_cursor(items: Sequence[Member], *, more: bool) -> str | None:
    return f"{items[-1].joined_at}.{items[-1].user}" if more else None


def after_banned(cursor: str | None) -> str:
    """The user after whom a page of banned ones begins. Raises Refused("bad_request")."""
    return after_account(cursor)


def banned_cursor(items: Sequence[Member], *, more: bool) -> str | None:
    return items[-1].user if more else None


def before_pin(cursor: str | None) -> tuple[int, str]:
    """The time and the message before which a page of pins begins. Raises Refused."""
    if cursor is None:
        return ABOVE_ALL_TIMES, ABOVE_ALL_IDS
    pinned_at, _, message = cursor.partition(".")
    if not (pinned_at.isdecimal() and len(pinned_at) <= 16 and is_id(message, MESSAGE)):
        raise _bad_cursor()
    return int(pinned_at), message


def pin_cursor(items: Sequence[Message], *, more: bool) -> str | None:
    return f"{items[-1].pinned_at}.{items[-1].id}" if more else None


def before_saved(cursor: str | None) -> tuple[int, str]:
    """The time and the message before which a page of saved messages begins. Raises Refused."""
    return before_pin(cursor)


def saved_cursor(items: Sequence[Saved], *, more: bool) -> str | None:
    return f"{items[-1].saved_at}.{items[-1].message.id}" if more else None


def before_found(cursor: str | None) -> tuple[int, str]:
    """The time and the message before which a page of found ones begins. Raises Refused."""
    return before_pin(cursor)


def found_cursor(items: Sequence[Message], *, more: bool) -> str | None:
    return f"{items[-1].created_at}.{items[-1].id}" if more else None


def before_thread(cursor: str | None) -> str:
    """The message before which a page of threads begins. Raises Refused."""
    if cursor is not None and not is_id(cursor, MESSAGE):
        raise _bad_cursor()
    return cursor or ABOVE_ALL_IDS


def thread_cursor(items: Sequence[Thread], *, more: bool) -> str | None:
    return items[-1].root.id if more else None


def before_draft(cursor: str | None) -> tuple[int, str, str]:
    """The time, channel and thread before which a page of drafts begins. Raises Refused."""
    if cursor is None:
        return ABOVE_ALL_TIMES, ABOVE_ALL_IDS, ABOVE_ALL_IDS
    at, _, place = cursor.partition(".")
    channel, _, thread = place.partition(".")
    if not (at.isdecimal() and len(at) <= 16 and is_id(channel, CHANNEL)):
        raise _bad_cursor()
    if thread and not is_id(thread, MESSAGE):
        raise _bad_cursor()
    return int(at), channel, thread


def draft_cursor(items: Sequence[KeptDraft], *, more: bool) -> str | None:
    last = items[-1] if more else None
    return f"{last.updated_at}.{last.channel}.{last.thread or ''}" if last else None


def before_report(cursor: str | None) -> str:
    """The report before which a page of them begins. Raises Refused("bad_request")."""
    if cursor is not None and not is_id(cursor, REPORT):
        raise _bad_cursor()
    return cursor or ABOVE_ALL_IDS


def report_cursor(items: Sequence[Report], *, more: bool) -> str | None:
    return items[-1].id if more else None


def window(
    before: int | None, after: int | None, around: int | None, limit: int
) -> tuple[int, int, int]:
    """A page of history as (anchor, older, newer): so many below that seq, and from it on."""
    if before is not None:
        return before, limit, 0
    if after is not None:
        return after + 1, 0, limit
    if around is not None:
        return around, limit // 2, limit - limit // 2
    return ABOVE_ALL_SEQS, limit, 0


def page_of(found: Sequence[Message], anchor: int, older: int, newer: int, *, rev: int) -> History:
    """The page, given up to one message too many on each side, in seq order."""
    below = [message for message in found if message.seq < anchor]
    above = [message for message in found if message.seq >= anchor]
    return History(
        messages=(*below[max(0, len(below) - older) :], *above[:newer]),
        has_before=len(below) > older,
        has_after=len(above) > newer,
        rev=rev,
    )


def _bad_cursor() -> Refused:
    return Refused("bad_request", "the cursor is not one this server gave", field="cursor")


def before_file(cursor: str | None) -> str:
    """The id below which a page of files begins. Raises Refused("bad_request")."""
    if cursor is not None and not is_id(cursor, FILE):
        raise _bad_cursor()
    return cursor or ABOVE_ALL_IDS


def file_cursor(items: Sequence[File], *, more: bool) -> str | None:
    return items[-1].id if more else None


def before_folder(cursor: str | None) -> str:
    """The id below which a page of folders begins. Raises Refused("bad_request")."""
    if cursor is not None and not is_id(cursor, FOLDER):
        raise _bad_cursor()
    return cursor or ABOVE_ALL_IDS


def folder_cursor(items: Sequence[Folder], *, more: bool) -> str | None:
    return items[-1].id if more else None


def before_timed_file(cursor: str | None) -> tuple[int, str]:
    """The time and the file before which a page begins. Raises Refused("bad_request")."""
    if cursor is None:
        return ABOVE_ALL_TIMES, ABOVE_ALL_IDS
    at, _, file = cursor.partition(".")
    if not (at.isdecimal() and len(at) <= 16 and is_id(file, FILE)):
        raise _bad_cursor()
    return int(at), file


def timed_file_cursor(at: int, file: str) -> str:
    return f"{at}.{file}"


def before_shared(cursor: str | None) -> tuple[int, str, str]:
    """The time, the file and the reader before which a page of shared files begins. Raises
    Refused("bad_request")."""
    if cursor is None:
        return ABOVE_ALL_TIMES, ABOVE_ALL_IDS, ABOVE_ALL_IDS
    at, _, ids = cursor.partition(".")
    file, _, reader = ids.partition(".")
    is_reader = is_id(reader, USER) or is_id(reader, CHANNEL)
    if not (at.isdecimal() and len(at) <= 16 and is_id(file, FILE) and is_reader):
        raise _bad_cursor()
    return int(at), file, reader


def shared_cursor(at: int, file: str, reader: str) -> str:
    return f"{at}.{file}.{reader}"


def after_job(cursor: str | None) -> tuple[int, str]:
    """The time and the job after which a page of scheduled ones begins. Raises Refused."""
    if cursor is None:
        return -1, ""
    at, _, job = cursor.partition(".")
    if not (at.isdecimal() and len(at) <= 16 and is_id(job, JOB)):
        raise _bad_cursor()
    return int(at), job


def job_cursor(items: Sequence[Job], *, more: bool) -> str | None:
    return f"{items[-1].send_at}.{items[-1].id}" if more else None


def before_notification(cursor: str | None) -> tuple[int, str]:
    """The time and the id before which a page of notifications begins. Raises Refused."""
    if cursor is None:
        return ABOVE_ALL_TIMES, ABOVE_ALL_IDS
    at, _, id = cursor.partition(".")
    if not (at.isdecimal() and len(at) <= 16 and is_id(id, NOTIFICATION)):
        raise _bad_cursor()
    return int(at), id


def notification_cursor(items: Sequence[Notification], *, more: bool) -> str | None:
    return f"{items[-1].created_at}.{items[-1].id}" if more else None
