-- Messages of channel $1 around seq $3 that reader $2 may see: the $4 + 1 newest below it and the
-- $5 + 1 oldest from it on, in seq order, each with the channel's rev. The one too many on a side
-- says that there is more. A row without a message: there is none. No row: not a member.
WITH mine AS (
    SELECT c.rev, m.floor_seq
    FROM channels c
    JOIN members m ON m.channel_id = c.id AND m.user_id = $2 AND m.left_at IS NULL
    WHERE c.id = $1
)
SELECT mine.rev AS head, m.id, m.channel_id, m.seq, m.nth, m.rev, m.author_id, m.body,
       m.created_at, m.mentions, m.thread_id, m.files, m.edited_at, m.deleted_at,
       m.reactions, m.pinned_at, m.pinned_by,
       m.in_channel, m.replies, m.last_reply_seq, m.last_reply_at, m.system
FROM mine
LEFT JOIN LATERAL (
    (SELECT * FROM messages
     WHERE channel_id = $1 AND seq < $3 AND seq > mine.floor_seq
     ORDER BY seq DESC LIMIT $4::int + 1)
    UNION ALL
    (SELECT * FROM messages
     WHERE channel_id = $1 AND seq >= $3 AND seq > mine.floor_seq
     ORDER BY seq LIMIT $5::int + 1)
) m ON true
ORDER BY m.seq
