"""The script one writes in an afternoon: lines from a device server to a WebSocket.

It queues in memory, connects again after an end, takes a reading from the queue
only when send() has returned, and has the library's own keep-alive (a ping each
20 s, 20 s for the pong). Nothing in it is made worse than it has to be.
"""
import asyncio
import collections
import json
import sys
import time

import websockets


async def read(host, port, queue):
    while True:
        try:
            reader, _ = await asyncio.open_connection(host, port)
            while line := await reader.readline():
                queue.append({**json.loads(line), "time": time.time()})
        except (OSError, ValueError) as why:
            print("device:", why, file=sys.stderr)
        await asyncio.sleep(1)


async def send(url, queue):
    while True:
        try:
            async with websockets.connect(url) as ws:
                while True:
                    while queue:
                        await ws.send(json.dumps(queue[0]))
                        queue.popleft()
                    await asyncio.sleep(0.05)
        except (OSError, asyncio.TimeoutError, websockets.WebSocketException) as why:
            print("server:", why, file=sys.stderr)
        await asyncio.sleep(2)


async def main(device, url):
    queue = collections.deque()
    await asyncio.gather(read("127.0.0.1", int(device), queue), send(url, queue))


asyncio.run(main(*sys.argv[1:]))
