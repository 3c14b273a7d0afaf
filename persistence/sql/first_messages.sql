-- The messages that used these keys first: $1 channels, $2 authors, $3 keys, one entry each.
SELECT asked.ord, m.digest, m.id, m.channel_id, m.seq, m.nth, m.rev, m.author_id, m.body,
       m.created_at, m.mentions, m.thread_id, m.files, m.edited_at, m.deleted_at,
       m.reactions, m.pinned_at, m.pinned_by,
       m.in_channel, m.replies, m.last_reply_seq, m.last_reply_at, m.system
FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY
     AS asked(channel_id, author_id, key, ord)
JOIN messages m ON m.author_id = asked.author_id AND m.key = asked.key
               AND m.channel_id || '' = asked.channel_id -- by that index: see append_messages.sql
