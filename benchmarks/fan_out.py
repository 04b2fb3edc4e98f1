"""
Fan-out: the CPU of one push beside a C ``send()`` loop, npm ``ws`` and ``socket.io``; pushes per pairing.

Every server holds the same number of sockets of the same C reader (``peers/sink.c``) at the same time and is
asked in turns; the better half of its turns counts. Pushes are counted on the product's own replica of a line
in which everybody waits in one lane with an open page.
"""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import measure, wire
from benchmarks.waiting_room import pushes_per_pairing

BYTES = 100
REACH = {
    "cpu_per_push_to_c_floor": 1.2,
    "cpu_per_push_to_ws": 1.0,
    "cpu_per_push_to_socketio": 1.0,
    "pushes_per_pairing": 60,
}


async def bench(quick: bool, folder: Path) -> None:
    """Compare, count, report."""
    files = wire.open_files()
    pages, turns = (300, 3) if quick else (10_000, 7)
    tools = wire.built(folder)
    assert tools, "the reader and the floor need a C compiler (cc)"
    peers = wire.installed_peers(folder / "node")
    servers: dict[str, Sequence[object]] = {
        "cloud_window": (wire.PYTHON, "-m", "benchmarks.hub_server"),
        "c_floor": (tools / "floor",),
    }
    if peers:
        servers |= {"ws": ("node", peers / "ws.mjs"), "socketio": ("node", peers / "socketio.mjs")}
    costs = await compared(tools, servers, pages, turns)
    pushes = await pushes_per_pairing(1_000 if quick else 10_000)
    floor = costs["c_floor"]
    ours = costs["cloud_window"]
    ratios = {
        f"cpu_per_push_to_{name}": ours / cost for name, cost in costs.items() if name != "cloud_window"
    }
    ratios["personal_message_to_c_floor"] = costs["cloud_window_personal"] / floor
    ratios.pop("cpu_per_push_to_cloud_window_personal")
    ratios |= {f"{name}_to_c_floor": costs[name] / floor for name in ("ws", "socketio") if name in costs}
    measure.report(
        "fan_out",
        measured={
            "us_per_push": costs,
            "sockets_each": pages,
            "bytes_per_message": BYTES,
            **{f"pairing_{name}": value for name, value in pushes.items()},
        },
        ratios=ratios,
        reach=REACH,
        reached={
            name: (ratios | {"pushes_per_pairing": pushes["pushes"]})[name] <= limit
            for name, limit in REACH.items()
            if name in ratios or name == "pushes_per_pairing"
        },
        machine=measure.machine(open_files=files, npm_peers=bool(peers)),
    )


async def compared(
    tools: Path, servers: dict[str, Sequence[object]], pages: int, turns: int
) -> dict[str, float]:
    """CPU of one push in each server, in µs: the median of the better half of its turns."""
    found: dict[str, list[float]] = {}
    async with AsyncExitStack() as stack:
        ready: dict[str, tuple[Any, Any]] = {}
        for name, command in servers.items():
            server = await stack.enter_async_context(wire.running(*command, cwd=wire.ROOT))
            port = int((await server.line())[1])
            hello = "40" if name == "socketio" else "-"
            lines = _lines(tools / "socketio.lines", pages) if name == "socketio" else "-"
            reader = await stack.enter_async_context(
                wire.sink(tools, [port], pages, headers="Host: x", lines=lines, hello=hello)
            )
            await wire.opened(reader, pages)
            ready[name] = server, reader
        for _ in range(turns):
            for name, (server, reader) in ready.items():
                kinds = ("push", "personal") if name == "cloud_window" else ("push",)
                for kind in kinds:
                    before = int((await reader.ask("count"))[1])
                    answer = await server.ask(kind, 3, BYTES)
                    sent = int(answer[1])
                    read = int((await reader.ask("until", before + sent, 60_000))[1])
                    assert read - before == sent, f"{name}: {read - before} of {sent} frames arrived"
                    label = name if kind == "push" else f"{name}_personal"
                    found.setdefault(label, []).append(float(answer[3]) / sent)
    return {name: median(sorted(costs)[: (len(costs) + 1) // 2]) for name, costs in found.items()}


def _lines(file: Path, pages: int) -> Path:
    file.write_text("/socket.io/?EIO=4&transport=websocket\n" * pages)
    return file


if __name__ == "__main__":
    wire.main(bench, __doc__ or "")
