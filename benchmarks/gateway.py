"""What the gateway costs per turn, beside a bare pass-through on the same HTTP server and client in the same run.

    python benchmarks/gateway.py [--turns 3000]

Everything is switched on: client keys, routing by the rubric's rules, the durable store. Loopback only; the provider answers at
once, so the figures are Pointsman's own. CPU is the process's own accounting (user + system, all threads), per turn.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

HERE = Path(__file__).parent
CONNECTIONS = 8
BUDGET_CPU_US = 400
POLICY = """
version: 1
providers:
  openai: {host: openai, base_url: "http://127.0.0.1:%d/v1"}
tiers: {small: [openai/gpt-4o-mini], mid: [openai/gpt-4o], flagship: [openai/gpt-5.5]}
routes:
  direct: {tiers: [small]}
  tools: {tiers: [mid]}
  plan: {tiers: [flagship]}
default_route: direct
rules:
  - {name: upset, when: sentiment.negative || history.escalated, floor: plan}
  - {name: tool, when: tools.needed, prefer: tools}
"""


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def start(stack: ExitStack, command: list[str], port: int) -> tuple[int, float]:
    """Start a server; return its pid and the seconds until its port was open."""
    began = time.perf_counter()
    process = stack.enter_context(subprocess.Popen(command, stderr=subprocess.DEVNULL))
    stack.callback(process.terminate)
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
        except OSError:
            time.sleep(0.01)
        else:
            return process.pid, time.perf_counter() - began
    raise RuntimeError(f"{command} ended with {process.returncode}")


def cpu_s(pid: int) -> float:
    """Return the CPU seconds a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mib(pid: int) -> float:
    """Return the resident memory of a process in MiB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


async def load(port: int, turns: int, key: str, *, stream: bool) -> list[float]:
    """Send ``turns`` requests over a few connections; return the milliseconds to the first body byte of each."""
    text = "What are your opening hours on public holidays? " * 16
    body = json.dumps({"model": "auto", "stream": stream, "messages": [{"role": "user", "content": text}]}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n"
    request = head.encode() + b"content-length: %d\r\n\r\n" % len(body) + body
    left = iter(range(turns))
    times: list[float] = []

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in left:
            began = time.perf_counter()
            writer.write(request)
            answer = (await reader.readuntil(b"\r\n\r\n")).lower()
            assert answer.startswith(b"http/1.1 200"), answer
            if b"content-length:" in answer:
                await reader.readexactly(int(answer.split(b"content-length:")[1].split(b"\r\n")[0]))
                times.append((time.perf_counter() - began) * 1e3)
                continue
            size = int(await reader.readline(), 16)
            times.append((time.perf_counter() - began) * 1e3)
            while size:
                await reader.readexactly(size + 2)
                size = int(await reader.readline(), 16)
            await reader.readline()
        writer.close()

    await asyncio.gather(*(client() for _ in range(CONNECTIONS)))
    return sorted(times)


def measure(port: int, pid: int, turns: int, key: str, *, stream: bool) -> tuple[float, float]:
    """Return CPU microseconds per turn and the median milliseconds to the first body byte."""
    asyncio.run(load(port, turns // 5, key, stream=stream))
    before = cpu_s(pid)
    times = asyncio.run(load(port, turns, key, stream=stream))
    return (cpu_s(pid) - before) / turns * 1e6, times[len(times) // 2]


def main() -> None:
    """Start the three servers, drive them in alternation, print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--turns", type=int, default=3000)
    turns = parser.parse_args().turns
    up, bare, ours = free_port(), free_port(), free_port()
    pointsman = str(Path(sys.executable).with_name("pointsman"))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "p.yaml").write_text(POLICY % up)
        store = f"sqlite:///{folder}/t.db"
        made = subprocess.run(
            [pointsman, "keys", "create", "bench", "--store", store, "--json"], capture_output=True, check=True
        )
        key = json.loads(made.stdout)["secret"]
        start(stack, [sys.executable, str(HERE / "gateway_parts/upstream.py"), str(up)], up)
        bare_pid, _ = start(
            stack, [sys.executable, str(HERE / "gateway_parts/bare.py"), str(bare), f"http://127.0.0.1:{up}/v1"], bare
        )
        serve = [pointsman, "serve", "--policy", str(folder / "p.yaml"), "--port", str(ours), "--store", store]
        pid, started = start(stack, serve, ours)
        print(f"{'':26}{'CPU us/turn':>12}{'first byte ms':>15}")
        for stream in (False, True):
            kind = "streamed" if stream else "whole"
            base = measure(bare, bare_pid, turns, key, stream=stream)
            got = measure(ours, pid, turns, key, stream=stream)
            print(f"{'bare pass-through, ' + kind:26}{base[0]:12.0f}{base[1]:15.2f}")
            print(f"{'pointsman, ' + kind:26}{got[0]:12.0f}{got[1]:15.2f}   ({got[0] / base[0]:.1f} x the bare one)")
        print(f"start to open port {started:.2f} s, resident after load {resident_mib(pid):.0f} MiB")
        print(f"budget: {BUDGET_CPU_US} us CPU a turn")


if __name__ == "__main__":
    main()
