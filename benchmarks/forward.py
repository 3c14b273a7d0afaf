"""Carries TCP connections from one network to another.

`python -m benchmarks.forward JSON` with `address` to listen on, `to_host` and `to_port`.
"""

import asyncio
import json
import sys
from contextlib import suppress
from typing import Any

import uvloop

from benchmarks.processes import serve_words

_BYTES = 1 << 16


async def run(arguments: dict[str, Any]) -> None:
    """Forward until standard input ends."""
    carrying: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            there = await asyncio.open_connection(arguments["to_host"], arguments["to_port"])
            for source, sink in ((reader, there[1]), (there[0], writer)):
                task = asyncio.create_task(_pump(source, sink))
                carrying.add(task)
                task.add_done_callback(carrying.discard)

    server = await asyncio.start_server(accept, arguments["address"], 0)
    await serve_words({"port": server.sockets[0].getsockname()[1]}, {})
    server.close()
    for task in tuple(carrying):
        task.cancel()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Until either end closes."""
    with suppress(OSError):
        while data := await source.read(_BYTES):
            sink.write(data)
            await sink.drain()
    sink.close()


if __name__ == "__main__":
    uvloop.run(run(json.loads(sys.argv[1])))
