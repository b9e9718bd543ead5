"""The server: writes down each reading that arrives, as soon as it has read it."""
import asyncio
import os
import re
import sys

import websockets

READING = re.compile(r'"reading": ?(\d+)')


async def main(port, path):
    out = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    async def handle(ws, *_):
        try:
            async for message in ws:
                text = message if isinstance(message, str) else message.decode()
                os.write(out, "".join(n + "\n" for n in READING.findall(text)).encode())
        except websockets.ConnectionClosed:
            pass

    # It pings, since Telegraf's read_timeout wants something to read, and does not judge
    # the pongs: Telegraf's are empty, which this library takes for none.
    async with websockets.serve(handle, "127.0.0.1", int(port), ping_interval=15, ping_timeout=None):
        await asyncio.Future()


asyncio.run(main(*sys.argv[1:]))
