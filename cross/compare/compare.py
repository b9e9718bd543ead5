"""Plays the same faults to portti, to Telegraf and to a plain Python script.

Every program reads the same lines, 50 a second, over TCP, and sends them to a server
of its own through a forwarder of its own. All run at the same time. `compare` next
to this file gets what is needed and starts it. "fed" are the readings handed to the
program, "again" those that arrived more than once, "told" those of which the program
itself says that they were lost. --keep leaves logs and arrivals in the folder of temporary files.
"""
import asyncio
import contextlib
import json
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
RATE = 50  # readings a second


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Program:
    """One program under test. Its settings are its defaults, except where a comment says why not."""

    dials = True  # it connects to the device; Telegraf is connected to

    def __init__(self, folder, device, url):
        self.folder, self.device, self.url = folder, device, url
        self.configure()

    def configure(self):
        pass

    def told(self):
        """How many readings it says were lost."""
        return sum(int(n) for n in re.findall(r"(\d+) metrics have been dropped", (self.folder / "log").read_text()))

    def waiting(self):
        """How many readings it says it has still to send, where it says so."""
        return 0

    def start(self):
        with open(self.folder / "log", "a") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log, cwd=self.folder)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()


class Portti(Program):
    name = "portti"
    buffer = ""

    def configure(self):
        (self.folder / "portti.toml").write_text(f"""config_version = 1
[gateway]
id = "XXXX00CMP00000001"
[paths]
state = "{self.folder}/state"
run = "{self.folder}/run"
[uplink]
url = "{self.url}"
auth = "none"
[metrics]
listen = ""
[buffer]
{self.buffer}
[[device]]
name = "line"
type = "lines"
port = "tcp://127.0.0.1:{self.device}"
id = "XXXX03CMP00000001"
""")

    def command(self):
        return [PORTTI, "run", "-c", self.folder / "portti.toml"]

    def status(self):
        out = subprocess.run([PORTTI, "status", "--json", "-c", self.folder / "portti.toml"], capture_output=True, check=True)
        return json.loads(out.stdout)

    def waiting(self):
        return self.status()["buffer"]["waiting"]

    def told(self):
        return sum(self.status()["totals"]["lost"].values())


class PorttiStrict(Portti):
    name = 'portti, commit_every 0s'
    buffer = 'commit_every = "0s"'


class Telegraf(Program):
    # startup_error_behavior: by default it exits when the server is away at its start
    name = "Telegraf, memory buffer"
    dials = False
    agent = ""

    def configure(self):
        (self.folder / "telegraf.conf").write_text(f"""[agent]
{self.agent}
[[inputs.socket_listener]]
service_address = "tcp://127.0.0.1:{self.device}"
data_format = "json"
[[outputs.websocket]]
startup_error_behavior = "retry"
url = "{self.url}"
data_format = "json"
""")

    def command(self):
        return [TELEGRAF, "--config", self.folder / "telegraf.conf"]


class TelegrafDisk(Telegraf):
    name = "Telegraf, disk buffer"

    @property
    def agent(self):
        return f'buffer_strategy = "disk"\nbuffer_directory = "{self.folder}/buffer"'


class Plain(Program):
    name = "plain Python script"

    def command(self):
        return [sys.executable, HERE / "plain.py", str(self.device), self.url]


def spans(numbers):
    """The gaps as people write them: 7, 20-31."""
    gaps = []
    for n in numbers:
        if gaps and gaps[-1][1] == n - 1:
            gaps[-1][1] = n
        else:
            gaps.append([n, n])
    text = [str(a) if a == b else f"{a}-{b}" for a, b in gaps]
    return ", ".join(text[:3] + ["..."] * (len(text) > 3))


class Run:
    """One program and one fault."""

    def __init__(self, folder, kind, fault):
        self.fault, self.folder = fault, folder / f"{kind.__name__}-{fault.__name__}"
        self.folder.mkdir()
        self.port, self.way, self.device = free_port(), free_port(), free_port()
        self.program = kind(self.folder, self.device, f"ws://127.0.0.1:{self.way}/")
        self.fed, self.writer, self.pairs, self.feeding = 0, None, [], True

    async def serve(self):
        self.server = subprocess.Popen([sys.executable, HERE / "server.py", str(self.port), self.folder / "arrived"])
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            await asyncio.sleep(0.1)

    def kill_server(self):
        self.server.kill()
        self.server.wait()

    def arrived(self):
        path = self.folder / "arrived"
        return [int(line) for line in path.read_text().split()] if path.exists() else []

    async def forward(self, reader, writer):
        """Carries one connection to the server. A stalled one carries nothing more, and nobody is told."""
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            writer.transport.abort()
            return
        moving = asyncio.Event()
        moving.set()
        self.pairs.append(moving)

        async def pump(source, sink):
            try:
                while True:
                    data = await source.read(65536)
                    await moving.wait()
                    if not data:
                        break
                    sink.write(data)
                    await sink.drain()
            except OSError:
                pass
            writer.transport.abort()
            far_writer.transport.abort()

        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))

    def stall(self):
        for moving in self.pairs:
            moving.clear()

    async def accept(self, _, writer):
        self.writer = writer

    async def feed(self):
        loop = asyncio.get_running_loop()
        due = loop.time()
        while self.feeding:
            due += 1 / RATE
            await asyncio.sleep(max(0, due - loop.time()))
            if not self.program.dials and self.writer is None:
                try:
                    _, self.writer = await asyncio.open_connection("127.0.0.1", self.device)
                except OSError:
                    continue
            if self.writer is not None and not self.writer.is_closing():
                self.fed += 1
                self.writer.write(b'{"reading": %d}\n' % self.fed)

    def unplug(self):
        if self.writer is not None:
            self.writer.close()
        self.writer = None

    async def settle(self):
        """Until everything is there, or nothing has come for 22 s, two flushes of Telegraf,
        and nothing waits: portti's pauses between attempts to connect can be longer."""
        seen, quiet = -1, 0
        async with asyncio.timeout(150):
            while len(set(self.arrived())) < self.fed and (quiet < 22 or self.program.waiting() > 0):
                await asyncio.sleep(1)
                now = len(self.arrived())
                seen, quiet = now, quiet + 1 if now == seen else 0

    async def play(self):
        await self.serve()
        way = await asyncio.start_server(self.forward, "127.0.0.1", self.way)
        device = await asyncio.start_server(self.accept, "127.0.0.1", self.device) if self.program.dials else None
        self.program.start()
        feeding = asyncio.create_task(self.feed())
        try:
            async with asyncio.timeout(60):
                while not self.arrived():
                    await asyncio.sleep(0.1)
            await self.fault(self)
            self.feeding = False
            await feeding
            await self.settle()
            told = self.program.told()
            arrived = self.arrived()
        finally:
            feeding.cancel()
            self.program.stop()
            self.kill_server()
            for server in (way, device):
                if server:
                    server.close()
        missing = sorted(set(range(1, self.fed + 1)) - set(arrived))
        return self.fed, len(set(arrived)), len(arrived) - len(set(arrived)), missing, told


async def server_killed(run):
    """the server is killed (kill -9) and is back 10 s later"""
    await asyncio.sleep(10)
    run.kill_server()
    await asyncio.sleep(10)
    await run.serve()
    await asyncio.sleep(15)


async def half_open(run):
    """the connection goes dead without an end, as when a router forgets it; new ones work"""
    await asyncio.sleep(10)
    run.stall()
    await asyncio.sleep(48)


async def client_killed(run):
    """the server is away, and after 10 s the program is killed (kill -9) and started again"""
    await asyncio.sleep(10)
    run.kill_server()
    await asyncio.sleep(10)
    run.program.kill()
    run.unplug()
    await asyncio.sleep(1)
    run.program.start()
    await asyncio.sleep(3)
    await run.serve()
    await asyncio.sleep(15)


async def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="portti-compare-"))
    kinds = [Portti, PorttiStrict, *([Telegraf, TelegrafDisk] if TELEGRAF else []), Plain]
    faults = [server_killed, half_open, client_killed]
    try:
        runs = [(fault, kind, Run(folder, kind, fault)) for fault in faults for kind in kinds]
        results = await asyncio.gather(*(run.play() for _, _, run in runs))
    finally:
        if "--keep" not in sys.argv:
            shutil.rmtree(folder)
    for (fault, kind, _), (fed, arrived, again, missing, told) in zip(runs, results):
        if kind is kinds[0]:
            print(f"\n{fault.__doc__}\n{'':26}{'fed':>7}{'arrived':>9}{'again':>7}{'missing':>9}{'told':>6}   which are missing")
        print(f"  {kind.name:24}{fed:7}{arrived:9}{again:7}{len(missing):9}{told:6}   {spans(missing)}".rstrip())


PORTTI, TELEGRAF = sys.argv[1], sys.argv[2]
asyncio.run(main())
