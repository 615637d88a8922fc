"""Memory of many waiting things.

usage: memory.py coroutine|task|thread|process COUNT
Prints resident bytes for each, and bytes of address space for each. Of a process: what it does not
share with the others, by PSS, and its address space.
"""

import asyncio
import gc
import os
import sys
import threading
import time

kind, count = sys.argv[1], int(sys.argv[2])


def status(pid, field):
    with open(f"/proc/{pid}/status") as lines:
        for line in lines:
            if line.startswith(field):
                return int(line.split()[1]) * 1024
    return 0


def grown(make):
    """Resident and virtual bytes that what `make` returns takes."""
    gc.collect()
    rss, size = status("self", "VmRSS:"), status("self", "VmSize:")
    kept = make()
    return status("self", "VmRSS:") - rss, status("self", "VmSize:") - size, kept


async def wait():
    await asyncio.sleep(3600)


def coroutines():
    rss, size, kept = grown(lambda: [wait() for _ in range(count)])
    for coroutine in kept:
        coroutine.close()
    return rss, size


async def tasks():
    gc.collect()
    rss, size = status("self", "VmRSS:"), status("self", "VmSize:")
    kept = [asyncio.create_task(wait()) for _ in range(count)]
    await asyncio.sleep(0)  # all sleep now
    rss, size = status("self", "VmRSS:") - rss, status("self", "VmSize:") - size
    os.write(1, f"{rss / count} {size / count}\n".encode())
    os._exit(0)  # ending as many tasks takes longer than all the rest
    return kept


def threads():
    end = threading.Event()

    def make():
        kept = [threading.Thread(target=end.wait) for _ in range(count)]
        for thread in kept:
            thread.start()
        return kept

    rss, size, kept = grown(make)
    end.set()
    for thread in kept:
        thread.join()
    return rss, size


def processes():
    """Forked from this one, so they share what nobody writes."""
    children = []
    for _ in range(count):
        pid = os.fork()
        if pid == 0:
            time.sleep(3600)
            os._exit(0)
        children.append(pid)
    time.sleep(0.2)
    pss = size = 0
    for pid in children:
        with open(f"/proc/{pid}/smaps_rollup") as lines:
            pss += next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024
        size += status(pid, "VmSize:")
    for pid in children:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
    return pss, size


if kind == "task":
    asyncio.run(tasks())
made = {"coroutine": coroutines, "thread": threads, "process": processes}[kind]()
print(made[0] / count, made[1] / count)
