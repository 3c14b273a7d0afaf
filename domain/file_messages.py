"""What people are told about files: absolute state, safe to lose."""

from typing import Literal

import msgspec

from streamhub.domain.files import File


class FileChanged(msgspec.Struct, frozen=True, kw_only=True, tag="file.changed"):
    """To an inbox, and from there to the user's sessions: one's file is `ready` (anew, with a
    further version) or `deleted` (into the trash, or for good), or somebody `shared` one."""

    kind: Literal["ready", "deleted", "shared"]
    file: File


class QuotaUpdated(msgspec.Struct, frozen=True, kw_only=True, tag="quota.updated"):
    """To an inbox, and from there to the user's sessions: what is used of the quota, in bytes."""

    used: int
    reserved: int
    quota: int
