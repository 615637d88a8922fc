"""Waits of many requests, as the guide runs them.

usage: waits.py sequential|threads|async|blocking REQUESTS MILLISECONDS
Prints wall and CPU nanoseconds. A request is a sleep. `blocking` is the mistake: coroutines that
sleep without await.
"""

import asyncio
import sys
import time
from concurrent.futures import ThreadPoolExecutor

kind, requests, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) / 1e3


async def gather(request):
    await asyncio.gather(*(request() for _ in range(requests)))


async def patient():
    await asyncio.sleep(seconds)


async def mistaken():
    time.sleep(seconds)


def sequential():
    for _ in range(requests):
        time.sleep(seconds)


def threads():
    with ThreadPoolExecutor(max_workers=requests) as pool:
        list(pool.map(lambda _: time.sleep(seconds), range(requests)))


ways = {
    "sequential": sequential,
    "threads": threads,
    "async": lambda: asyncio.run(gather(patient)),
    "blocking": lambda: asyncio.run(gather(mistaken)),
}
wall, cpu = time.perf_counter_ns(), time.process_time_ns()
ways[kind]()
print(time.perf_counter_ns() - wall, time.process_time_ns() - cpu)
