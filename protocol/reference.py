"""Writes the reference of the wire from its tables.

python -m streamhub.protocol.reference > docs/protocol.md
"""

import sys
from collections.abc import Iterator
from typing import Final, cast

import msgspec
from msgspec import Struct, inspect

from streamhub.protocol.close_codes import CloseCode, reconnects
from streamhub.protocol.codec import JSON, MSGPACK
from streamhub.protocol.connection import Rules
from streamhub.protocol.examples import (
    CLIENT_CONTROL_EXAMPLES,
    COMMAND_EXAMPLES,
    EVENT_EXAMPLES,
    REFUSAL_EXAMPLE,
    SERVER_CONTROL_EXAMPLES,
)
from streamhub.protocol.field_types import described_structs, type_words
from streamhub.protocol.frames import ClientFrame, ServerFrame
from streamhub.protocol.problems import PROBLEMS
from streamhub.protocol.tables import CLIENT_CONTROLS, COMMANDS, EVENTS, SERVER_CONTROLS

_RULES: Final = Rules()

_INTRODUCTION: Final = f"""\
# The wire protocol

This page is generated: `python -m streamhub.protocol.reference > docs/protocol.md`.

Open `GET /v1/ws` with `Sec-WebSocket-Protocol: {MSGPACK.subprotocol}` (binary messages) or
`{JSON.subprotocol}` (text messages). Both carry the same frames, and every example below shows
both: JSON first, then the same frame as msgpack in hexadecimal.

## Encoding

- Integers are below 2^53. Fields ending in `_at` are milliseconds since 1970 UTC, in `_ms`
  durations, in `_bytes` sizes.
- Absent and null mean the same. The server leaves out nulls and fields at the default shown.
- Ids are a two-letter prefix, `_` and a lower-case ULID. They are opaque; compare them bytewise.
- Text is UTF-8 without lone surrogates, NUL and C0 controls, tab and newline excepted. Lengths
  and offsets count code points.
- JSON: no key twice in one object, no NaN. msgpack: str keys, no extension types. Both: at most
  16 levels. One message is at most `hello.max_frame_bytes`.
- What clients send must not have unknown fields (`unknown_field`; the socket stays). Clients
  ignore events and fields they do not know: additions raise `hello.api`.

## Frames

| shape | fields | direction |
|---|---|---|
| command | `c` name, `i` 1 to 2^31-1, not in use, `d` body, `k` idempotency key | to the server |
| reply | `r` the `i` of the command, then `d` body or `e` problem | to the client |
| event | `t` name, `d` body, `rev` if durable, `k` the author's key | to the client |
| control | `x` name, `d` body | both |

Replies come in any order. The reply to a command precedes the events it caused on that socket.
A command that is wrong in a field is answered with a problem; a message that cannot be decoded,
or has no known shape, closes the socket with {CloseCode.BAD_FRAME.value}.

## Rules

- Send `auth` within `hello.auth_timeout_ms`. Commands before `ready` are refused.
- Send `ping` after `hello.heartbeat_ms` without sending anything. The server closes after
  {_RULES.silence_ms / _RULES.heartbeat_ms} silent intervals.
- At most {_RULES.unanswered} commands unanswered, {_RULES.commands.rate_per_s} commands a second
  ({_RULES.commands.burst} at once), one `typing.start` per {_RULES.typing_ms} ms and channel.
  Beyond it: `limit_reached`, `rate_limited` with `retry_after_ms`. Whoever goes on above
  {_RULES.frames.rate_per_s} frames a second ({_RULES.frames.burst} at once) is closed.
- Live channel events are dense: apply `rev` = held + 1, ignore smaller ones, and on a larger one
  send `channel.sync`. Of two copies of a message the one with the larger `rev` wins.
- The same key with the same body gives the first answer; with another body `key_reused`.
"""

Frame = ClientFrame | ServerFrame


def reference() -> str:
    """The whole page, in Markdown."""
    parts = (_introduction, _controls, _commands, _events, _objects, _problems, _close_codes)
    return "\n".join(line for part in parts for line in part()) + "\n"


def _introduction() -> Iterator[str]:
    yield _INTRODUCTION


def _controls() -> Iterator[str]:
    yield "## Controls\n"
    for name, frame in SERVER_CONTROL_EXAMPLES.items():
        yield f"### `{name}`, from the server\n"
        yield from _body(SERVER_CONTROLS[name])
        yield from _example(frame)
    for control, sent in CLIENT_CONTROL_EXAMPLES.items():
        yield f"### `{control}`, from the client\n"
        yield from _body(CLIENT_CONTROLS[control])
        yield from _example(sent)


def _commands() -> Iterator[str]:
    yield "## Commands\n"
    for name, spec in COMMANDS.items():
        keyed = " Give it a key `k` to be able to send it again safely." if spec.keyed else ""
        yield f"### `{name}`\n\n{spec.summary}{keyed}\n"
        yield from _body(spec.body)
        yield f"Reply: {_link(spec.reply)}\n"
        yield from _example(*COMMAND_EXAMPLES[name])
    yield "### A refusal\n"
    yield "Any command may be answered with a [Problem](#problem) instead:\n"
    yield from _example(REFUSAL_EXAMPLE)


def _events() -> Iterator[str]:
    yield "## Events\n"
    yield "`channel` events are durable and carry `rev`, dense in their channel. `sync` events"
    yield "bring what was missed. `inbox` events are absolute state of the user, safe to lose."
    yield "`ephemeral` ones are dropped when a client is slow.\n"
    for name, spec in EVENTS.items():
        yield f"### `{name}`\n\n{spec.summary} Kind: {spec.kind}. Body: {_link(spec.body)}\n"
        yield from _example(EVENT_EXAMPLES[name])


def _objects() -> Iterator[str]:
    yield "## Objects\n"
    roots = [spec.reply for spec in COMMANDS.values()]
    bodies = [spec.body for spec in EVENTS.values()]
    controls = [*SERVER_CONTROLS.values(), *CLIENT_CONTROLS.values()]
    given = [spec.body for spec in COMMANDS.values()]
    shown: set[type[Struct]] = {*controls, *given}
    shown.discard(SERVER_CONTROLS["error"])
    for kind in described_structs([*roots, *bodies, *controls, *given]):
        if kind not in shown:
            yield f"### {kind.__name__}\n"
            yield from _body(kind)


def _problems() -> Iterator[str]:
    yield "## Problems\n"
    yield "`code` is stable. Retry means: the same request may succeed later, with the same key.\n"
    yield "| code | status | title | retry |"
    yield "|---|---|---|---|"
    for code, kind in sorted(PROBLEMS.items(), key=lambda item: (item[1].status, item[0])):
        yield f"| `{code}` | {kind.status} | {kind.title} | {'yes' if kind.retry else ''} |"
    yield ""


def _close_codes() -> Iterator[str]:
    yield "## Close codes\n"
    yield "4000 to 4499: reconnect, with full jitter from 0.1 s to 10 s, and send `since`."
    yield "4500 to 4999: do not, before a user or developer has changed something. 1001, 1006,"
    yield "1012 and 1013 count as 4000. The reason is the name, optionally followed by a time:"
    yield "`unavailable retry_after_ms=1200`.\n"
    yield "| code | name | reconnect |"
    yield "|---|---|---|"
    for code in CloseCode:
        yield f"| {code.value} | {code.name.lower()} | {'yes' if reconnects(code) else 'no'} |"


def _body(kind: type[Struct]) -> Iterator[str]:
    if kind.__doc__:
        yield " ".join(kind.__doc__.split()) + "\n"
    info = cast(inspect.StructType, inspect.type_info(kind))
    if not info.fields:
        yield "No fields.\n"
        return
    yield "| field | type | |"
    yield "|---|---|---|"
    for field in info.fields:
        yield f"| `{field.encode_name}` | {type_words(field.type)} | {_presence(field)} |"
    yield ""


def _presence(field: inspect.Field) -> str:
    if field.required:
        return "required"
    if field.default is None:
        return "optional"
    default = msgspec.json.encode(field.default).decode()
    return f"default `{default}`"


def _link(kind: type[Struct]) -> str:
    return f"[{kind.__name__}](#{kind.__name__.lower()})"


def _example(*frames: Frame) -> Iterator[str]:
    yield "```text"
    for frame in frames:
        yield JSON.encode(frame).decode()
        yield MSGPACK.encode(frame).hex()
    yield "```\n"


if __name__ == "__main__":
    sys.stdout.write(reference())
