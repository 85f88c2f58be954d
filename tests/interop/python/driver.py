"""A client of ZooKeeper that nobody here wrote, driven by lines: see ../src/process.rs for what it is told and answers.

Usage: driver.py CONNECT-STRING SESSION-SECONDS
"""

import os
import queue
import sys
import threading

from client import Client


def main():
    client = Client(sys.argv[1], int(sys.argv[2]))
    lines = queue.Queue(maxsize=1)
    threading.Thread(target=read, args=(lines,), daemon=True).start()
    verb = None
    while verb != "close":
        verb, *arguments = lines.get().split("\t")
        try:
            fields = ["ok", *client.answer(verb, arguments)]
        except Exception as error:
            fields = ["error", " ".join(f"{type(error).__name__}: {error}".split())]
        print("\t".join(fields), flush=True)


def read(lines):
    """What is read while a lock is waited for, too: the end of the input ends the process at once, as a crash would."""
    for line in sys.stdin:
        lines.put(line.removesuffix("\n"))
    os._exit(0)


main()
