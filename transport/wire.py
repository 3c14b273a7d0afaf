"""From the values of the domain to the objects of the wire, each in one place."""

from streamhub.domain import changes, channels, messages
from streamhub.domain.channels import Overview, ReadMarker
from streamhub.domain.file_messages import FileChanged, QuotaUpdated
from streamhub.domain.files import File
from streamhub.domain.kept_drafts import KeptDraft
from streamhub.domain.notifications import Hears, Notification
from streamhub.domain.schedule_messages import JobUpdated
from streamhub.domain.scheduling import Job
from streamhub.domain.upload_messages import UploadProgress
from streamhub.protocol import drafting, files, frames, notifying, uploads
from streamhub.protocol.presence import PresenceObject, StatusObject
from streamhub.protocol.scheduling import ScheduledObject


def message_object(message: channels.Message) -> frames.MessageObject:
    deleted = message.deleted_at is not None
    return frames.MessageObject(
        id=message.id,
        channel=message.channel,
        seq=message.seq,
        nth=message.nth,
        rev=message.rev,
        author=message.author,
        text=None if deleted else message.text,
        entities=_entities(message.mentions),
        thread=message.thread,
        files=message.files,
        created_at=message.created_at,
        edited_at=message.edited_at,
        deleted=deleted,
        reactions=tuple(
            frames.ReactionObject(reaction=one.kind, count=one.count, users=one.users)
            for one in message.reactions
        ),
        pinned_at=message.pinned_at,
        pinned_by=message.pinned_by,
        in_channel=message.in_channel,
        replies=message.replies,
        last_reply_seq=message.last_reply_seq,
        last_reply_at=message.last_reply_at,
        system=None if deleted else _system_note(message.system),
    )


def _system_note(note: channels.SystemNote | None) -> frames.SystemNoteObject | None:
    return frames.SystemNoteObject(kind=note.kind, users=note.users) if note is not None else None


def thread_object(thread: channels.Thread) -> frames.ThreadObject:
    return frames.ThreadObject(
        root=message_object(thread.root), following=thread.following, unread=thread.unread
    )


def edition(edition: channels.Edition) -> frames.EditionObject:
    return frames.EditionObject(
        text=edition.text, entities=_entities(edition.mentions), written_at=edition.written_at
    )


def member_object(member: channels.Member) -> frames.MemberObject:
    return frames.MemberObject(
        user=member.user,
        role=member.role,
        joined_at=member.joined_at,
        left=member.left_at is not None,
        rev=member.rev,
        muted_until_at=member.muted_until,
        banned=member.banned_at is not None,
    )


def channel_object(channel: channels.Channel, hears: Hears | None = None) -> frames.ChannelObject:
    return frames.ChannelObject(
        id=channel.id,
        kind=channel.kind,
        name=channel.name,
        topic=channel.topic,
        visibility=channel.visibility,
        archived=channel.archived_at is not None,
        created_at=channel.created_at,
        created_by=channel.created_by,
        rev=channel.rev,
        users=channel.users,
        slow_mode_s=channel.rules.slow_mode_s,
        history="joined" if channel.seen_from_joining else "all",
        announcers=channel.rules.announcers,
        keep_days=channel.rules.keep_days,
        gone_seq=channel.gone_seq,
        notify=hears.level if hears else None,
        notify_until_at=hears.until if hears else None,
    )


def channel_overview(overview: Overview) -> frames.ChannelOverview:
    nth, read_nth = overview.nth, overview.read_nth
    return frames.ChannelOverview(
        id=overview.id,
        kind=overview.kind,
        name=overview.name,
        role=overview.role,
        rev=overview.rev,
        last_seq=overview.seq,
        nth=nth,
        read_seq=overview.read_seq,
        read_nth=read_nth,
        unread=nth - read_nth if nth > read_nth else 0,
        mentions=overview.mentions,
        users=overview.users,
        hidden_nth=overview.hidden_nth,
        notify=overview.notify,
        notify_until_at=overview.notify_until,
    )


def read_state(marker: ReadMarker) -> frames.ReadState:
    return frames.ReadState(
        channel=marker.channel,
        read_seq=marker.read_seq,
        read_nth=marker.read_nth,
        unread=marker.unread,
        mentions=marker.mentions,
    )


def receipt(receipt: messages.Receipt) -> frames.Receipt:
    return frames.Receipt(
        id=receipt.id,
        seq=receipt.seq,
        nth=receipt.nth,
        rev=receipt.rev,
        created_at=receipt.created_at,
    )


def scheduled_object(job: Job) -> ScheduledObject:
    return ScheduledObject(
        id=job.id,
        channel=job.channel,
        thread=job.thread,
        text=job.text,
        silent=job.silent,
        send_at=job.send_at,
        created_at=job.created_at,
        state=job.state,
        message=job.message,
        code=job.code or None,
        detail=job.detail or None,
    )


def draft_object(draft: KeptDraft) -> drafting.DraftObject:
    return drafting.DraftObject(
        channel=draft.channel,
        thread=draft.thread,
        text=draft.text,
        updated_at=draft.updated_at,
    )


def notification_object(one: Notification) -> notifying.NotificationObject:
    return notifying.NotificationObject(
        id=one.id,
        kind=one.kind,
        channel=one.channel,
        message=one.message,
        seq=one.seq,
        thread=one.thread,
        by=one.by,
        excerpt=one.excerpt,
        created_at=one.created_at,
        read_at=one.read_at,
    )


def notify_state(state: messages.NotifyUpdated) -> notifying.NotifyState:
    return notifying.NotifyState(channel=state.channel, level=state.level, until_at=state.until)


def history(page: channels.History) -> frames.History:
    return frames.History(
        items=tuple(message_object(message) for message in page.messages),
        has_before=page.has_before,
        has_after=page.has_after,
        rev=page.rev,
    )


def sync_page(channel: str, changes: channels.Changes) -> frames.SyncPage:
    return frames.SyncPage(
        channel=channel,
        from_rev=changes.since,
        to_rev=changes.to,
        messages=tuple(message_object(message) for message in changes.messages),
        members=tuple(member_object(member) for member in changes.members),
        info=channel_object(changes.channel) if changes.channel else None,
        more=changes.more,
    )


def change_event(change: changes.Change) -> frames.Event:
    """The event of a durable change."""
    match change:
        case changes.MessageCreated():
            message = frames.MessageEvent(message=message_object(change.message))
            return frames.Event(
                name="message.created", rev=change.rev, body=message, key=change.key
            )
        case changes.MessageUpdated():
            message = frames.MessageEvent(message=message_object(change.message))
            return frames.Event(name="message.updated", rev=change.rev, body=message)
        case changes.MessageDeleted():
            message = frames.MessageEvent(message=message_object(change.message))
            return frames.Event(name="message.deleted", rev=change.rev, body=message)
        case changes.MembersJoined():
            return frames.Event(name="member.joined", rev=change.rev, body=_members(change))
        case changes.MembersLeft():
            return frames.Event(name="member.left", rev=change.rev, body=_members(change))
        case changes.MembersUpdated():
            return frames.Event(name="member.updated", rev=change.rev, body=_members(change))
        case changes.ChannelUpdated():
            name = "channel.archived" if change.archived else "channel.updated"
            info = frames.ChannelEvent(channel=channel_object(change.info))
            return frames.Event(name=name, rev=change.rev, body=info)


def skipped_event(skipped: changes.Skipped) -> frames.Event:
    body = frames.ChannelRef(channel=skipped.channel)
    return frames.Event(name="rev.skipped", rev=skipped.rev, body=body)


def passing_event(event: messages.Passing) -> frames.Event:
    """The event of something that is not durable."""
    match event:
        case messages.ChannelAdded():
            added = frames.ChannelAdded(channel=channel_overview(event.overview))
            return frames.Event(name="channel.added", body=added)
        case messages.ChannelRemoved():
            return frames.Event(
                name="channel.removed", body=frames.ChannelRef(channel=event.channel)
            )
        case messages.ReadUpdated():
            return frames.Event(name="read.updated", body=read_state(event.marker))
        case messages.DraftUpdated():
            return frames.Event(name="draft.updated", body=draft_object(event.draft))
        case JobUpdated():
            return frames.Event(name="schedule.updated", body=scheduled_object(event.job))
        case messages.NotificationCreated():
            created = notifying.NotificationCreated(
                notification=notification_object(event.notification), unread=event.unread
            )
            return frames.Event(name="notification.created", body=created)
        case messages.NotificationsRead():
            read = notifying.NotificationsRead(
                notifications=event.notifications, unread=event.unread
            )
            return frames.Event(name="notification.read", body=read)
        case messages.NotifyUpdated():
            return frames.Event(name="notify.updated", body=notify_state(event))
        case messages.ThreadUpdated():
            return frames.Event(name="thread.updated", body=thread_object(event.thread))
        case messages.SeenUpdated():
            seen = frames.SeenEvent(channel=event.channel, user=event.user, seq=event.seq)
            return frames.Event(name="seen.updated", body=seen)
        case messages.TypingStarted():
            typing = frames.Typing(channel=event.channel, user=event.user)
            return frames.Event(name="typing.started", body=typing)
        case messages.PresenceUpdated():
            return frames.Event(name="presence.updated", body=presence(event))
        case UploadProgress():
            return frames.Event(name="upload.progress", body=upload_progress(event))
        case FileChanged(kind="deleted", file=file):
            return frames.Event(name="file.deleted", body=files.FileGone(file=file.id))
        case FileChanged(kind=kind, file=file):
            return frames.Event(name=f"file.{kind}", body=files.FileEvent(file=file_object(file)))
        case QuotaUpdated(used=used, reserved=reserved, quota=quota):
            storage = files.StorageObject(
                used_bytes=used, reserved_bytes=reserved, quota_bytes=quota
            )
            return frames.Event(name="quota.updated", body=storage)


def file_object(file: File) -> files.FileObject:
    """A file as clients see it."""
    return files.FileObject(
        id=file.id,
        owner=file.owner,
        name=file.name,
        mime=file.mime,
        size_bytes=file.size,
        version=file.version,
        crc32c=file.crc32c,
        created_at=file.created_at,
        updated_at=file.updated_at,
        trashed_at=file.trashed_at,
        folder=file.folder,
    )


def upload_progress(told: UploadProgress) -> uploads.UploadProgress:
    return uploads.UploadProgress(
        upload=told.upload,
        name=told.name,
        state=told.state,
        bytes=told.bytes,
        size_bytes=told.size,
        file=told.file,
        problem=told.problem,
    )


def presence(told: messages.PresenceUpdated) -> PresenceObject:
    said = told.status
    status = said and StatusObject(text=said.text, emoji=said.emoji, expires_at=said.expires_at)
    return PresenceObject(user=told.user, state=told.state, status=status or None)


def _entities(mentions: tuple[channels.Mention, ...]) -> tuple[frames.Entity, ...]:
    return tuple(
        frames.Entity(type=m.calls or "mention", offset=m.offset, length=m.length, user=m.user)
        for m in mentions
    )


def _members(change: changes.MembersChange) -> frames.MemberEvent:
    members = tuple(member_object(member) for member in change.members)
    return frames.MemberEvent(channel=change.channel, members=members)
