# ruff: noqa: RUF009 - setting() makes a dataclass field, not a value
"""Every setting there is: frozen, grouped by who uses it, each with its rule and its meaning."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from streamhub.config import rules
from streamhub.config.rates import Rate
from streamhub.config.rules import Rule
from streamhub.config.secret import Secret

T = TypeVar("T")


def setting(default: T, rule: Rule[T], meaning: str, *, variable: str = "") -> T:
    """A field of a group. Its variable is STREAMHUB_<FIELD> unless `variable` names another."""
    metadata = {"rule": rule, "meaning": meaning, "variable": variable}
    return dataclasses.field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """Where StreamHub listens, and what it keeps where."""

    host: str = setting("127.0.0.1", rules.ADDRESS, "Address of the public port.")
    port: int = setting(8080, rules.PORT, "Public port: HTTP and WebSocket. 0 picks a free one.")
    admin_host: str = setting(
        "127.0.0.1", rules.ADDRESS, "Address of the admin port. It has no log-in: keep it private."
    )
    admin_port: int = setting(
        8081, rules.PORT, "Admin port: `/livez`, `/readyz`, `/metrics`. 0 picks a free one."
    )
    data: Path = setting(
        Path(".streamhub"),
        rules.PATH,
        "Folder for state, generated secrets and the embedded servers' data; relative to the"
        " folder StreamHub is started in.",
    )
    hosts: int = setting(
        0, rules.whole(0, 256), "Hosts (processes) per node. 0 means one per core."
    )
    public_url: str = setting(
        "",
        rules.ORIGIN,
        "Origin under which clients reach the public port, for links. Empty: made from the"
        " address and the port.",
    )
    tls_cert: Path | None = setting(
        None,
        rules.FILE,
        "PEM file of the certificate of the public port, with those between it and its authority."
        " With tls_key, that port speaks TLS and nothing else. Changed files are read again.",
    )
    tls_key: Path | None = setting(
        None, rules.FILE, "PEM file of that certificate's key, without a password."
    )
    shutdown_timeout_s: float = setting(
        20.0,
        rules.seconds(0, 3600),
        "Seconds a stopping host waits for requests in progress before it cuts them.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseSettings:
    """PostgreSQL, the truth about everything but file contents."""

    url: Secret | None = setting(
        None,
        rules.DATABASE_URL,
        "PostgreSQL 15 or newer. Absent: the embedded one is started.",
        variable="DATABASE_URL",
    )
    pool_size: int = setting(10, rules.whole(2, 500), "Connections of one host to PostgreSQL.")


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisSettings:
    """Redis or Valkey: one-time codes, rate limits, short caches."""

    url: Secret | None = setting(
        None,
        rules.REDIS_URL,
        "Redis 7 or Valkey. Absent: the embedded one is started.",
        variable="REDIS_URL",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectSettings:
    """S3, where file contents are kept."""

    url: Secret | None = setting(
        None,
        rules.OBJECTS_URL,
        "S3 endpoint with keys, bucket and region. Absent: the embedded one is started.",
        variable="S3_URL",
    )
    public_url: str = setting(
        "",
        rules.ORIGIN,
        "Origin under which clients reach S3: downloads are redirected there. Empty: StreamHub"
        " sends them itself.",
        variable="S3_PUBLIC_URL",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeSettings:
    """What a client may cost."""

    allowed_origins: tuple[str, ...] = setting(
        (),
        rules.ORIGINS,
        "Origins, besides the server's own, whose pages may open sockets and use the API (CORS);"
        " compared exactly.",
    )
    trusted_proxies: tuple[str, ...] = setting(
        (),
        rules.NETWORKS,
        "Proxies whose X-Forwarded-For and X-Forwarded-Proto are believed: the client's address is"
        " the last that is none of theirs. Empty: nobody is believed.",
    )
    max_frame_bytes: int = setting(
        1 << 20, rules.whole(1024, 16 << 20), "Largest WebSocket message, in bytes."
    )
    max_body_bytes: int = setting(
        1 << 20,
        rules.whole(1024, 64 << 20),
        "Largest body of an HTTP request that is no upload, in bytes.",
    )
    keepalive_timeout_s: float = setting(
        10.0,
        rules.seconds(0.1, 3600),
        "Seconds until a connection that sends no whole request head is closed, whether silent,"
        " dripping, or idle after an answer.",
    )
    auth_timeout_ms: int = setting(
        5000,
        rules.whole(100, 60_000),
        "Milliseconds a socket has to authenticate before it is closed.",
    )
    heartbeat_ms: int = setting(
        30_000,
        rules.whole(1000, 600_000),
        "Milliseconds of silence after which a client pings; after 2.5 of them it is closed.",
    )
    unauthenticated_per_address: int = setting(
        50,
        rules.whole(1, 1_000_000),
        "Sockets of one address that may be waiting for authentication at once, per host.",
    )
    pause_bytes: int = setting(
        65_536,
        rules.whole(4096, 16 << 20),
        "Unsent bytes above which a session is paused and later pulls what it missed.",
    )
    paused_limit_s: float = setting(
        30.0,
        rules.seconds(1, 3600),
        "Seconds a session may stay paused before it is closed as a slow consumer.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatSettings:
    """What people may do with messages, and see of each other."""

    edit_within_s: int = setting(
        0,
        rules.whole(0, 10 * 365 * 86_400),
        "Seconds for which authors may edit a message; 0: for ever. What it said is kept.",
    )
    system_messages_members: int = setting(
        50,
        rules.whole(0, 1000),
        "Members of a channel up to which its history says who joins and leaves; 0: it never does.",
    )
    presence: bool = setting(
        True, rules.FLAG, "Whether people see who of those they share a channel with is there."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSettings:
    """What people may upload and keep."""

    quota_bytes: int = setting(
        10 << 30,
        rules.whole(0, 1 << 50),
        "Bytes that one user's files and uploads may take.",
    )
    max_file_bytes: int = setting(256 << 30, rules.whole(1, 256 << 30), "Largest file, in bytes.")
    part_bytes: int = setting(
        8 << 20,
        rules.whole(5 << 20, 64 << 20),
        "Least length of the parts in which large files go to S3, which takes none below 5 MiB.",
    )
    upload_buffer_bytes: int = setting(
        256 << 20,
        rules.whole(16 << 20, 64 << 30),
        "Bytes of uploads that one host holds on their way to S3; more of them wait.",
    )
    upload_ttl_s: int = setting(
        22 * 3600,
        rules.whole(60, 30 * 86_400),
        "Seconds after which an upload that is not finished is thrown away. MinIO drops what is"
        " older than a day.",
    )
    file_versions: int = setting(
        20,
        rules.whole(1, 1000),
        "Versions of a file that are kept: the newest ones.",
    )
    signed_url_ttl_s: int = setting(
        3600,
        rules.whole(60, 7 * 86_400),
        "Seconds for which signed URLs of files are good at least, and at most twice.",
    )
    trash_days: int = setting(
        30, rules.whole(0, 3650), "Days after which files in the trash go for good."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthSettings:
    """Accounts, tokens and passwords."""

    secret: Secret | None = setting(
        None,
        rules.SECRET,
        "Signs access tokens (HS256) and seals what is kept, the same on every node. Absent:"
        " generated into the data folder.",
        variable="AUTH_SECRET",
    )
    other_secrets: tuple[Secret, ...] = setting(
        (),
        rules.SECRETS,
        "Accepted in the place of the secret, so that it can be changed without signing anybody"
        " out: the next one at first, later the one before it. Each on a line of its own.",
        variable="AUTH_OTHER_SECRETS",
    )
    token_keys: Path | None = setting(
        None,
        rules.FILE,
        "PEM file of Ed25519 keys. The first signs access tokens (EdDSA) if it is a private one;"
        " tokens of all of them are accepted. Absent, or a public one first: the secret signs"
        " (HS256). Read when a host starts.",
    )
    issuer: str = setting("streamhub", rules.NAME, "Issuer (`iss`) of access tokens.")
    access_ttl_s: int = setting(900, rules.whole(10, 86_400), "Seconds an access token is valid.")
    refresh_ttl_s: int = setting(
        30 * 86_400, rules.whole(60, 400 * 86_400), "Seconds a refresh token is valid."
    )
    session_ttl_s: int = setting(
        90 * 86_400,
        rules.whole(60, 3650 * 86_400),
        "Seconds after which one must sign in again, however often the session was refreshed.",
    )
    registration: str = setting(
        "open",
        rules.one_of("open", "invited", "closed"),
        "Who may make an account: anybody, those who were invited, or nobody but administrators.",
    )
    inviters: str = setting(
        "everyone",
        rules.one_of("everyone", "moderators", "admins"),
        "Who may invite people, unless registration is closed; moderators includes admins.",
    )
    confirm_email: bool | None = setting(
        None,
        rules.FLAG,
        "Whether there is an account only once its address was proven by mail, so that registering"
        " tells nobody who is there. Absent: if a mail server is set.",
    )
    argon2_memory_kib: int = setting(
        19_456, rules.whole(8, 4 << 20), "Memory of one password hash, in KiB."
    )
    argon2_time_cost: int = setting(2, rules.whole(1, 100), "Passes of one password hash.")
    argon2_workers: int = setting(
        1, rules.whole(1, 64), "Password hashes that one host computes at once."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSettings:
    """How much each may use, counted over all hosts. While Redis is away each host counts by
    itself, but for the ways in, where nobody is let in then."""

    log_in: Rate = setting(
        Rate(30, "min", 100), rules.RATE, "Log-ins by address.", variable="LIMIT_LOG_IN"
    )
    register: Rate = setting(
        Rate(30, "min", 100), rules.RATE, "Registrations by address.", variable="LIMIT_REGISTER"
    )
    guess: Rate = setting(
        Rate(1, "min", 10),
        rules.RATE,
        "Passwords tried by account, from all addresses it never signed in from; and by account and"
        " address from each other one.",
        variable="LIMIT_GUESS",
    )
    second_factor: Rate = setting(
        Rate(1, "min", 10),
        rules.RATE,
        "Codes of second factors tried by account.",
        variable="LIMIT_SECOND_FACTOR",
    )
    requests_by_address: Rate = setting(
        Rate(50, "s", 500),
        rules.RATE,
        "Requests without a token, or with one that is no good, by address.",
        variable="LIMIT_REQUESTS_BY_ADDRESS",
    )
    requests: Rate = setting(
        Rate(20, "s", 200),
        rules.RATE,
        "Requests with a token, by account.",
        variable="LIMIT_REQUESTS",
    )
    requests_by_token: Rate = setting(
        Rate(10, "s", 100),
        rules.RATE,
        "Requests with a personal token, by token, besides.",
        variable="LIMIT_REQUESTS_BY_TOKEN",
    )
    commands: Rate = setting(
        Rate(80, "s", 240),
        rules.RATE,
        "Commands over all sockets of an account; a socket by itself has 20/s burst 60.",
        variable="LIMIT_COMMANDS",
    )
    creations: Rate = setting(
        Rate(20, "min", 100),
        rules.RATE,
        "Channels, tokens, bots and invitations made, by account, besides.",
        variable="LIMIT_CREATIONS",
    )
    lookups: Rate = setting(
        Rate(2, "s", 100),
        rules.RATE,
        "Users looked up by handle, by account, besides.",
        variable="LIMIT_LOOKUPS",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSettings:
    """Hosts among themselves."""

    secret: Secret | None = setting(
        None,
        rules.SECRET,
        "Key that authenticates links between hosts, the same on every node. Absent: generated"
        " into the data folder.",
        variable="CLUSTER_SECRET",
    )
    ray_address: str = setting(
        "",
        rules.RAY_ADDRESS,
        "A running Ray cluster to join, as `HOST:PORT`; `auto`: the one this machine is a node of."
        " Empty: `streamhub up` starts a Ray of its own. A token is given in Ray's variables.",
    )
    link_tls_cert: Path | None = setting(
        None,
        rules.FILE,
        "PEM file of the certificate that this node's hosts show each other, for client and server"
        " use. With link_tls_key and link_tls_ca, links between hosts are encrypted.",
    )
    link_tls_key: Path | None = setting(
        None, rules.FILE, "PEM file of that certificate's key, without a password."
    )
    link_tls_ca: Path | None = setting(
        None,
        rules.FILE,
        "PEM file of the authority that signs the certificates of all hosts, and of nobody else.",
    )
    lanes: int = setting(
        2, rules.whole(1, 64), "Connections over which one host's commits are spread."
    )
    host_dead_after_s: float = setting(
        5.0,
        rules.seconds(0.5, 600),
        "Seconds without an answer after which the supervisor replaces a host.",
    )
    lease_s: float = setting(
        3.0,
        rules.seconds(0.2, 600),
        "Seconds without reading the cluster log after which a host stops answering as an owner;"
        " must be less than host_dead_after_s.",
    )
    drain_s: float = setting(
        10.0,
        rules.seconds(0, 600),
        "Seconds over which a draining host spreads the reconnects of its clients; must be less"
        " than drain_timeout_s.",
    )
    drain_timeout_s: float = setting(
        60.0,
        rules.seconds(1, 3600),
        "Seconds a draining host has to hand over what it owns and send its clients elsewhere;"
        " then it is ended.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenIdSettings:
    """Signing in by an OpenID Connect provider."""

    issuer: str = setting(
        "",
        rules.ISSUER,
        "Issuer of the provider; its metadata is below it. Empty: there is no such way in.",
        variable="OPENID_ISSUER",
    )
    client_id: str = setting(
        "streamhub", rules.NAME, "Who we are to the provider.", variable="OPENID_CLIENT_ID"
    )
    client_secret: Secret | None = setting(
        None,
        rules.ANY_SECRET,
        "What proves it. Absent: a public client, which PKCE protects.",
        variable="OPENID_CLIENT_SECRET",
    )
    name: str = setting(
        "OpenID Connect",
        rules.WORDS,
        "How people know the provider.",
        variable="OPENID_NAME",
    )
    redirects: tuple[str, ...] = setting(
        (),
        rules.URLS,
        "Where the provider may send people back to, each exactly.",
        variable="OPENID_REDIRECTS",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSettings:
    """How mails reach people."""

    url: Secret | None = setting(
        None,
        rules.SMTP_URL,
        "Mail server. With smtp the connection is upgraded by STARTTLS, or refused; `?tls=none`"
        " leaves it bare. Absent: mails are kept, and shown by `streamhub mail` and on the admin"
        " port.",
        variable="SMTP_URL",
    )
    sender: str = setting(
        "StreamHub <streamhub@localhost>",
        rules.MAILBOX,
        "Whom mails are from.",
        variable="MAIL_FROM",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggingSettings:
    """What is logged, and how."""

    json: bool | None = setting(
        None,
        rules.FLAG,
        "One JSON object a line. Absent: JSON unless standard error is a terminal.",
        variable="JSON_LOGS",
    )
    level: str = setting(
        "info",
        rules.one_of("debug", "info", "warning", "error", "critical"),
        "Least level that is logged.",
        variable="LOG_LEVEL",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings. `Settings()` is what an empty environment gives.

    `sources` tells where each came from, by `group.field`; one that is absent is a default.
    """

    server: ServerSettings = ServerSettings()
    database: DatabaseSettings = DatabaseSettings()
    redis: RedisSettings = RedisSettings()
    objects: ObjectSettings = ObjectSettings()
    edge: EdgeSettings = EdgeSettings()
    chat: ChatSettings = ChatSettings()
    files: FileSettings = FileSettings()
    auth: AuthSettings = AuthSettings()
    limits: LimitSettings = LimitSettings()
    cluster: ClusterSettings = ClusterSettings()
    openid: OpenIdSettings = OpenIdSettings()
    mail: MailSettings = MailSettings()
    logging: LoggingSettings = LoggingSettings()
    sources: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False, compare=False)
