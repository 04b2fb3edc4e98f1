"""
Datagrams of no use at an even pace: ``python -m benchmarks.calls.junk HOST PORT PER_SECOND SECONDS``.

They look like STUN, DTLS, RTP, RTCP or nothing, come from many ports and have all sizes.
"""

import json
import socket
import sys
from contextlib import suppress
from random import Random
from time import monotonic, sleep

PORTS = 32
STEP_SECONDS = 0.005
_FIRSTS = (0, 0, 1, 22, 22, 128, 144, 200, 255, 77)


def main() -> None:
    """Send, and print how many it was."""
    host, port, rate, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    chance = Random(20261125)
    ends = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(PORTS)]
    for end in ends:
        end.connect((host, port))
        end.setblocking(False)
    pieces = [bytes([chance.choice(_FIRSTS)]) + chance.randbytes(chance.randint(0, 1200)) for _ in range(500)]
    pieces += [b"\x00\x01\x00\x40\x21\x12\xa4\x42" + chance.randbytes(76) for _ in range(100)]
    began, sent = monotonic(), 0
    while (passed := monotonic() - began) < seconds:
        while sent < passed * rate:
            with suppress(OSError):  # a full buffer loses it, as the network would
                ends[sent % PORTS].send(chance.choice(pieces))
            sent += 1
        sleep(STEP_SECONDS)
    print(json.dumps({"sent": sent}), flush=True)


if __name__ == "__main__":
    main()
