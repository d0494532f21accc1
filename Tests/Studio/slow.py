"""Clients that are slow, leave or ask for too much at once, and the end of a studio that samples or trains."""

import concurrent.futures
import contextlib
import json
import os
import shutil
import socket
import time

from raw import exchange, request
from server import RUN, SMALL, Failure, Studio, check, expect, main, run

# A job of a minute or more, which is cancelled.
LONG = {"model": RUN, "prompts": ["ring"], "seeds": list(range(16)), "size": "128", "steps": 1000}


def ended(studio, what, data, trickle, pause, seconds):
    """Checks that a client which sends a byte now and then is answered with 408 or cut off within some time."""
    begun = time.monotonic()
    try:
        answer = exchange(studio, data, seconds, trickle, pause)
        check(answer is None or answer.status in (400, 408, 415), f"{what} gets {answer and answer.status}.")
        return f"{what}: {answer.status if answer else 'closed'} after {time.monotonic() - begun:.0f} s"
    except TimeoutError:
        check(False, f"{what} holds its connection for more than {seconds} s.")
        return f"{what}: held"


def slow_clients(studio, seconds):
    kind = {"content_type": "application/json", "content_length": 1000}
    chunked = request(studio, "POST", "/v1/images/generations", transfer_encoding="chunked",
                      content_type="application/json")
    jobs = [
        ("no request", b"", b"", 1, seconds),
        ("a header that does not end", b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ", b"a" * 1000, 2, seconds),
        ("a body that does not come", request(studio, "POST", "/api/jobs", **kind), b"", 1, 40),
        ("a body by single bytes", request(studio, "POST", "/api/jobs", **kind), b" " * 1000, 1, 40),
        ("a chunked body by single bytes", chunked + b"400\r\n", b" " * 1000, 1, 40),
        ("a body after a refusal", request(studio, "POST", "/api/jobs", content_type="text/plain", content_length=1000),
         b" " * 1000, 1, seconds),
    ]
    with concurrent.futures.ThreadPoolExecutor(len(jobs)) as pool:
        for line in pool.map(lambda job: ended(studio, *job), jobs):
            print("  " + line, flush=True)


def full_queue(program, folder):
    """A queue of four takes four jobs; the fifth is told when to come again. Clients that leave free their place."""
    with Studio(program, folder, "--queue", "4") as studio:
        for _ in range(4):
            studio.job(**LONG)
        posts = [("/api/jobs", LONG), ("/v1/images/generations", {"prompt": "ring"}),
                 ("/v1/images/generations", {"prompt": "ring", "stream": True}),
                 ("/sdapi/v1/txt2img", {"prompt": "ring"})]
        for path, body in posts:
            answer = studio.ask("POST", path, body)
            check(answer.status == 429, f"With a full queue POST {path} gets {answer.status}.")
            check((answer.headers.get("Retry-After") or "").isdigit(), f"429 of {path} has no Retry-After.")
            check("4 jobs" in answer.message, f"429 of {path} says: {answer.message}")
        studio.cancel_all()
        studio.until("An empty queue", lambda: not [job for job in studio.get("/api/state")["jobs"]
                                                    if job["state"] in ("waiting", "running")], 20)
        for path, more in (("/v1/images/generations", {"size": "512x512", "n": 8}),
                           ("/v1/images/generations", {"size": "512x512", "n": 8, "stream": True, "partial_images": 3}),
                           ("/sdapi/v1/txt2img", {"width": 512, "height": 512, "batch_size": 8})):
            body = json.dumps({"prompt": "ring", "steps": 1000, **more}).encode()
            with socket.create_connection(("127.0.0.1", studio.port)) as client:
                client.sendall(request(studio, "POST", path, body, content_type="application/json"))
                studio.until("A job", lambda: studio.get("/sdapi/v1/progress")["progress"] > 0, 20)
            try:
                studio.until("The end", lambda: studio.get("/sdapi/v1/progress")["state"]["job_count"] == 0, 10)
            except Failure:
                check(False, f"A client of {path} {'(stream) ' if 'stream' in more else ''}left 10 s ago, and its job "
                      "still runs.")
            studio.cancel_all()


def many_pages(studio):
    """Pages that listen are limited, and free their places when they leave."""
    line = request(studio, "GET", "/api/events")
    with contextlib.ExitStack() as pages:
        for _ in range(100):
            page = pages.enter_context(socket.create_connection(("127.0.0.1", studio.port), timeout=10))
            page.sendall(line)
            expect(page.recv(100).startswith(b"HTTP/1.1 200"), "A page gets no events.")
        answer = exchange(studio, line)
        check(answer.status == 429 and answer.headers.get("retry-after"), f"Page 101 gets {answer.status}.")
        check(studio.get("/api/state")["jobs"] == [], "With 100 pages the state is not answered.")


def memory(studio):
    """A job takes about as much memory as was checked before it began, and keeps within bounds what it keeps."""
    before = studio.memory()
    job = studio.job(seeds=list(range(16)), size="512", steps=2)
    highest = before
    while studio.get(f"/api/jobs/{job['id']}")["job"]["state"] in ("waiting", "running"):
        highest = max(highest, studio.memory())
        time.sleep(0.05)
    needed = (highest - before) * 16 / 1024
    print(f"  16 images of 512 x 512 take {highest - before:.0f} MB, so 16 of 2048 x 2048 take {needed:.0f} GB",
          flush=True)
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    if needed > 1.5 * machine:
        # It waits behind another job, so that it is never begun.
        studio.job(**LONG)
        answer = studio.ask("POST", "/api/jobs", {**LONG, "size": "2048", "steps": 2})
        if answer.status == 202:
            studio.ask("DELETE", f"/api/jobs/{answer.json['job']['id']}")
        check(answer.status == 400, f"16 images of 2048 x 2048 get {answer.status}: they need {needed:.0f} GB of the "
              f"machine's {machine:.0f}.")
        studio.cancel_all()
    # The frames of a trajectory, at a size whose activations are small.
    answer = studio.ask("POST", "/api/jobs", {**LONG, "seeds": list(range(64)), "trajectory": True})
    if answer.status == 202:
        job, points = answer.json["job"], []
        for wished in (20, 120):
            studio.until("A trajectory", lambda: studio.get(f"/api/jobs/{job['id']}")["job"]["done"] >= wished, 60)
            points.append((studio.get(f"/api/jobs/{job['id']}")["job"], studio.memory()))
        (first, low), (last, high) = points
        whole = (high - low) / (last["done"] - first["done"]) * last["total"]
        check(whole < 2000, f"A trajectory of 64 images of 128 x 128 in 1000 steps is taken; memory grows by "
              f"{high - low:.0f} MB in {last['done'] - first['done']} of {last['total']} steps, "
              f"{whole / 1000:.1f} GB in all.")
        studio.cancel_all()
    studio.until("The end", lambda: studio.get("/sdapi/v1/progress")["state"]["job_count"] == 0, 20)


def latest(folder, name):
    """The newest saved step of a run."""
    saved = [path.parent.name for path in (folder / "checkpoints" / name).glob("step-*/state.json")]
    return max((int(step.split("-")[1]) for step in saved), default=0)


def shutdown_sampling(program, folder):
    with Studio(program, folder) as studio, concurrent.futures.ThreadPoolExecutor(4) as pool:
        bodies = [("/v1/images/generations", {"prompt": "ring", "n": 8, "size": "256x256", "steps": 1000}),
                  ("/sdapi/v1/txt2img", {"prompt": "ring", "batch_size": 8, "steps": 1000, "width": 256})]
        waiting = [pool.submit(studio.ask, "POST", path, body) for path, body in bodies]
        streams = [pool.submit(studio.ask, "GET", "/api/events")]
        studio.until("Sampling", lambda: studio.get("/sdapi/v1/progress")["progress"] > 0, 20)
        seconds = studio.stop(15)
        for answer in waiting + streams:
            with contextlib.suppress(Failure):
                got = answer.result(20)
                check(got.status in (200, 409, 503), f"At the end a waiting request gets {got.status}.")
    check(seconds < 5, f"With a job and an open page the studio takes {seconds:.1f} s to stop.")
    print(f"  stopped {seconds:.1f} s after SIGINT while sampling", flush=True)


def shutdown_training(program, folder, mode):
    """A training is saved at the end, also one that a job has paused, and can be resumed."""
    name = f"stopped-{mode}"
    shutil.rmtree(folder / "checkpoints" / name, ignore_errors=True)
    keys = {**SMALL, "training.steps": "1000000", "training.save_every": "1000000", "training.preview_every": "1000000"}
    with Studio(program, folder) as studio:
        answer = studio.ask("POST", "/api/trainings", {"run": name, "configuration": "shapes.yaml", "keys": keys})
        expect(answer.status == 202, f"A training got {answer.status}: {answer.body[:300]!r}")
        again = studio.ask("POST", "/api/trainings", {"run": "second", "configuration": "shapes.yaml", "keys": keys})
        check(again.status == 409, f"A second training gets {again.status}.")
        studio.until("Training", lambda: ((studio.get("/api/state")["training"] or {}).get("step") or 0) > 20, 60)
        if mode == "paused":
            check(studio.ask("POST", "/api/state", {"while_training": "interrupt"}).status == 204, "No switch.")
            studio.job(**LONG)
            studio.until("A pause", lambda: studio.get("/api/state")["training"]["state"] == "paused", 30)
        processes = studio.children()
        expect(processes, "The training is no process of the studio.")
        seconds = studio.stop(30)
    check(latest(folder, name) > 20, f"The training ({mode}) was not saved at the studio's end.")
    left = [pid for pid in processes if os.path.exists(f"/proc/{pid}")]
    check(not left, f"Processes {left} of the training ({mode}) are left behind.")
    steps = latest(folder, name) + 20
    if latest(folder, name):
        run(program, folder, "train", f"checkpoints/{name}/config.yaml", "--set", f"training.steps={steps}", "--resume")
        check(latest(folder, name) == steps, f"The run ({mode}) was not resumed from what was saved.")
    print(f"  stopped {seconds:.1f} s after SIGINT while training ({mode}), saved at step {steps - 20}", flush=True)


def test(program, folder, _):
    for mode in ("training", "paused"):
        shutdown_training(program, folder, mode)
    shutdown_sampling(program, folder)
    full_queue(program, folder)
    with Studio(program, folder) as studio:
        memory(studio)
    with Studio(program, folder) as studio:
        before = studio.files()
        many_pages(studio)
        slow_clients(studio, 90)
        studio.until("The end of slow connections", lambda: studio.files() <= before + 2, 20)


if __name__ == "__main__":
    main(test, __doc__)
