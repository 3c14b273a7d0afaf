-- The messages $2 of channels $1, one entry per draft, and where their channels stand. No row: no
-- such channel; a row without a message: no such message there.
SELECT asked.ord, c.term, c.rev AS head_rev, c.seq AS head_seq, c.nth AS head_nth,
       m.id, m.channel_id, m.seq, m.nth, m.rev, m.author_id, m.body, m.created_at, m.mentions,
       m.thread_id, m.files, m.edited_at, m.deleted_at, m.reactions, m.pinned_at, m.pinned_by,
       m.in_channel, m.replies, m.last_reply_seq, m.last_reply_at, m.system
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS asked(channel_id, message_id, ord)
JOIN channels c ON c.id = asked.channel_id
LEFT JOIN messages m ON m.id = asked.message_id
                    AND m.channel_id || '' = asked.channel_id -- by the id: see append_messages.sql
