"""A receiver on Python's websockets: appends one line per message to a file.

    python3 receiver.py PORT FILE

The library answers pings while messages still wait for the handler, so a kill
loses messages that were already ponged: this is what the hold is for.
"""
import asyncio
import json
import sys

import websockets


async def main() -> None:
    port, path = int(sys.argv[1]), sys.argv[2]
    with open(path, "a", buffering=1) as out:

        async def handle(socket, *_):
            async for text in socket:
                await asyncio.sleep(0.002)
                out.write("".join(f"{m['n']}\n" for m in json.loads(text)))

        async with websockets.serve(handle, "127.0.0.1", port):
            print("ready", flush=True)
            await asyncio.Future()


asyncio.run(main())
