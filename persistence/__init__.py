"""Where StreamHub keeps what must last: PostgreSQL, Redis, S3, and servers of its own for them."""
