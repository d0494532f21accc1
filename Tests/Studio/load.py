"""200 concurrent requests and 50 idle connections for a minute, with pages that follow the events.

Nothing may crash, memory and files stay bounded, and every request is answered, or refused with a reason.
"""

import collections
import concurrent.futures
import random
import socket
import threading
import time

from server import RUN, Failure, Studio, check, expect, main

REQUESTS = [
    ("POST", "/api/jobs", {"model": RUN, "prompts": ["ring"], "seeds": [1], "steps": 4}),
    ("POST", "/v1/images/generations", {"prompt": "ring", "steps": 4, "seed": 2}),
    ("POST", "/v1/images/generations", {"prompt": "star", "steps": 4, "stream": True, "partial_images": 2}),
    ("POST", "/sdapi/v1/txt2img", {"prompt": "ring, star", "steps": 4, "width": 32, "height": 32}),
    ("POST", "/v1/images/generations", {"prompt": "no such class"}), ("POST", "/v1/images/generations", {"n": 3}),
    ("GET", "/", None), ("GET", "/page.css", None), ("GET", "/api/state", None), ("GET", "/api/models", None),
    ("GET", "/api/pictures?limit=200", None), ("GET", f"/api/runs/{RUN}", None),
    ("GET", f"/api/runs/{RUN}/metrics", None), ("GET", "/sdapi/v1/progress", None), ("GET", "/v1/models", None),
    ("GET", "/api/keys", None), ("GET", "/api/configurations", None), ("GET", "/nothing", None),
]


def idle(studio, count, stop):
    """Connections that say nothing or half a request, or read no events; they are opened anew when they are closed."""
    kinds = [b"", b"GET / HTTP/1.1\r\nHost: loc", b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n"]
    clients = [None] * count
    while not stop.wait(0.5):
        for place in range(count):
            try:
                if clients[place] is None:
                    clients[place] = socket.create_connection(("127.0.0.1", studio.port), timeout=5)
                    clients[place].sendall(kinds[place % 3])
                    clients[place].setblocking(False)
                elif place % 3 != 2 and clients[place].recv(65536) == b"":
                    clients[place].close()
                    clients[place] = None
            except BlockingIOError:
                pass
            except OSError:
                clients[place] = None
    for client in clients:
        if client:
            client.close()


def asked(studio, end, number, statuses, slowest):
    chance = random.Random(number)
    while time.monotonic() < end:
        method, path, value = chance.choice(REQUESTS)
        begun = time.monotonic()
        try:
            answer = studio.ask(method, path, value, timeout=90)
        except Failure as failure:
            statuses[f"{method} {path}: {failure}"] += 1
            continue
        seconds = time.monotonic() - begun
        slowest[path] = max(slowest.get(path, 0), seconds)
        statuses[answer.status] += 1
        if answer.status >= 400:
            check(len(answer.message) > 10, f"{method} {path} is refused with {answer.status} and no reason.")
        if answer.status == 429:
            check((answer.headers.get("Retry-After") or "").isdigit(), f"429 of {path} has no Retry-After.")
            time.sleep(0.2)


def test(program, folder, options):
    with Studio(program, folder) as studio:
        studio.finished(studio.job())
        before, files, highest = studio.memory(), studio.files(), 0
        stop, statuses, slowest = threading.Event(), collections.Counter(), {}
        crowd = threading.Thread(target=idle, args=(studio, options.idle, stop))
        crowd.start()
        end = time.monotonic() + options.seconds
        try:
            with concurrent.futures.ThreadPoolExecutor(options.requests) as pool:
                workers = [pool.submit(asked, studio, end, number, statuses, slowest)
                           for number in range(options.requests)]
                half = None
                while not all(worker.done() for worker in workers):
                    studio.expect_alive()
                    highest = max(highest, studio.memory())
                    if half is None and time.monotonic() > end - options.seconds / 2:
                        half = studio.memory()
                    time.sleep(0.25)
                for worker in workers:
                    worker.result()
        finally:
            stop.set()
            crowd.join()
        studio.until("The end of all connections", lambda: studio.files() <= files + 8, 30)
        after = studio.memory()
        print(f"{sum(statuses.values())} requests in {options.seconds} s, statuses "
              f"{dict(sorted(statuses.items(), key=str))}")
        print(f"slowest {max(slowest.values()):.2f} s ({max(slowest, key=slowest.get)}), page "
              f"{slowest.get('/', 0):.2f} s; memory {before:.0f} MB before, {half:.0f} MB at half, {highest:.0f} MB at "
              f"most, {after:.0f} MB after; files {files} before, {studio.files()} after", flush=True)
        wrong = [status for status in statuses if status not in (200, 202, 400, 404, 429)]
        check(not wrong, f"Some requests got {wrong[:5]}.")
        expect(statuses[200] > 0 and statuses[202] + statuses[429] > 0, "No job was taken and none was refused.")
        check(highest < before + 400, f"Memory grew from {before:.0f} to {highest:.0f} MB.")
        job = studio.finished(studio.job())
        check(job["state"] == "done", "After the load a job is not done.")
        check(studio.stop() < 10, "After the load the studio is slow to stop.")


if __name__ == "__main__":
    main(test, __doc__, ("--requests", 200, "number of concurrent requests"),
         ("--idle", 50, "number of idle connections"), ("--seconds", 60, "how long"))
