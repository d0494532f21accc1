"""Sends 20,000 broken requests: a seeded mutator over raw bytes, then schemathesis against /openapi.json.

None may be answered with 500 or more (501 is what is not there yet; 503 what is shutting down), and the studio must not
crash or grow.
"""

import collections
import json
import os
import pathlib
import random
import re
import socket
import subprocess
import sys
import threading
import time

from server import ROOT, RUN, Failure, Studio, check, main

FILE = ROOT / "Sources/PixNerdStudio/Resources/openapi.json"
TOKENS = [b"\x00", b"\xff\xfe", b"\xc3\x28", b"\r\n", b"\n", b"\r\n\r\n", b" ", b"\t", b"%", b"%00", b"%ff",
          b"%2e%2e%2f", b"%5C", b"..", b"//", b"?", b"&", b"=", b"#", b":", b"[", b"]", b"{", b"}", b"\"", b"\\",
          b"\\u0000", b"\\ud800", b"null", b"true", b"-1", b"0", b"1e999", b"NaN", b"18446744073709551616",
          b"-9223372036854775809", b"0.5", b"1e-400", b"HTTP/1.1", b"HTTP/9.9", b"Transfer-Encoding: chunked\r\n",
          b"Content-Length: 5\r\n", b"Expect: 100-continue\r\n", b"Connection: upgrade\r\nUpgrade: h2c\r\n",
          b"Range: bytes=0-\r\n", b"A" * 300, b"A: " + b"b" * 9000 + b"\r\n", "é".encode(), "\u202e".encode(),
          "😀".encode()]


def seeds(port):
    """Valid requests for every path of the description."""
    host = f"Host: 127.0.0.1:{port}\r\n".encode()
    job = {"model": RUN, "prompts": ["ring"], "seeds": [0], "size": "32x32", "steps": 1, "sampler": "euler", "order": 2,
           "guidance": 1.5, "guidance_lower": 0.1, "guidance_upper": 1, "shift": 1, "route": "auto", "values": [],
           "negative_prompt": "", "precision": "fp32", "trajectory": True}
    images = {"prompt": "ring", "model": RUN, "n": 1, "size": "32x32", "response_format": "b64_json", "stream": False,
              "output_format": "png", "partial_images": 0, "seed": 1, "steps": 1, "guidance": 1, "sampler": "heun"}
    webui = {"prompt": "ring", "negative_prompt": "", "width": 32, "height": 32, "steps": 1, "cfg_scale": 2, "seed": -1,
             "batch_size": 1, "n_iter": 1, "sampler_name": "Euler", "override_settings": {"sd_model_checkpoint": RUN}}
    posts = {"/api/jobs": job, "/v1/images/generations": images, "/sdapi/v1/txt2img": webui,
             "/api/state": {"while_training": "wait"}, "/api/session": {"token": "x"}, "/api/trainings/stop": {},
             "/api/trainings/save": {}, "/sdapi/v1/options": {"sd_model_checkpoint": RUN}, "/sdapi/v1/interrupt": {},
             "/api/trainings": {"run": "a/b", "configuration": "none.yaml", "keys": {"training.steps": "1"},
                                "resume": False}}
    made = []
    for path, value in posts.items():
        body = json.dumps(value).encode()
        head = b"POST " + path.encode() + b" HTTP/1.1\r\n" + host + b"Content-Type: application/json\r\n"
        made.append(head + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        chunk = f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
        made.append(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk)
    for path in json.loads(FILE.read_text())["paths"]:
        path = path.replace("{id}", RUN).replace("{step}", "60").replace("{weights}", "ema").replace("{frame}", "1")
        if path == "/api/events":
            continue
        line = f"GET {path} HTTP/1.1\r\n".encode()
        made.append(line + host + b"Accept: */*\r\nCookie: pixnerd_studio=%41\r\n\r\n")
    made.append(b"GET /api/pictures?limit=5&before=zz HTTP/1.1\r\n" + host + b"\r\n")
    made.append(b"DELETE /api/jobs/0 HTTP/1.1\r\n" + host + b"Origin: http://127.0.0.1\r\n\r\n")
    return made


def field_mutated(data, random):
    """Replaces a value of the JSON body, and mends the length, so that the mutation reaches the handlers."""
    head, gap, body = data.partition(b"\r\n\r\n")
    try:
        value = json.loads(body)
        key = random.choice(sorted(value))
    except (ValueError, TypeError, IndexError):
        return None
    value[key] = random.choice([
        None, True, -1, 0, 7, 65, 2049, 1 << 31, 1 << 63, 1 << 64, -(1 << 63), 1.5, 1e300, -1e-300, "", "x" * 20000,
        "ring, " * 500, "99x99", "1x1", "../..", "\u0000", "\ud800", [], [[]] * 70, ["ring", 1], [0, 1 << 64], {},
        {"a": {}}, value[key], [value[key]], str(value[key])])
    body = json.dumps(value).encode()
    return re.sub(rb"Content-Length: \d+", b"Content-Length: %d" % len(body), head) + gap + body


def mutated(data, random):
    if random.random() < 0.4 and b"Content-Length" in data:
        changed = field_mutated(data, random)
        if changed:
            return changed
    data = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 3, 8))):
        place, kind = random.randrange(len(data) + 1), random.randrange(6)
        if kind == 0 and place < len(data):
            data[place] = random.randrange(256)
        elif kind == 1:
            data[place:place] = random.choice(TOKENS)
        elif kind == 2:
            del data[place:place + random.choice((1, 2, 8, 64))]
        elif kind == 3:
            data[place:place + 4] = random.choice(TOKENS)
        elif kind == 4:
            part = data[place:place + random.choice((4, 16, 64))]
            data[place:place] = part * random.choice((1, 2, 20))
        elif place:
            data = data[:place]
        if not data:
            data = bytearray(b"\r\n")
    return bytes(data)


def sent(studio, data):
    """The status and the sentence of the answer; 0 for a closed connection, -1 for one that stays open."""
    received = b""
    try:
        with socket.create_connection(("127.0.0.1", studio.port), timeout=3) as client:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            while len(received) < 4096 and (part := client.recv(4096)):
                received += part
    except TimeoutError:
        if not received:
            return -1, ""
    except OSError:
        pass
    if not received.startswith(b"HTTP/"):
        return 0, ""
    sentence = re.search(rb'"message":"([^"]{0,150})', received)
    return int(received.split()[1]), (sentence[1] if sentence else received[-150:]).decode("utf-8", "replace")


def raw(studio, count, seed):
    chance, valid, statuses = random.Random(seed), seeds(studio.port), collections.Counter()
    failed = {}
    begun, before = time.monotonic(), studio.memory()
    for number in range(count):
        data = mutated(chance.choice(valid), chance)
        status, sentence = sent(studio, data)
        statuses[status] += 1
        if status in (0, -1) and studio.process.poll() is not None:
            (studio.folder / "crash.bin").write_bytes(data)
            raise Failure(f"Request {number} of seed {seed}, which is in {studio.folder}/crash.bin, ended the studio.")
        if status >= 500 and status not in (501, 503):
            failed.setdefault((status, sentence), []).append((number, data))
        if number % 100 == 99:
            studio.cancel_all()
    studio.cancel_all()
    for (status, sentence), found in failed.items():
        number, data = min(found, key=lambda entry: len(entry[1]))
        path = studio.folder / f"fuzz-{number}.bin"
        path.write_bytes(data)
        check(False, f"{len(found)} requests got {status}, '{sentence}'; the shortest is in {path}: {data[:400]!r}")
    print(f"mutator: {count} requests in {time.monotonic() - begun:.0f} s, statuses {dict(sorted(statuses.items()))}; "
          f"memory {before:.0f} MB before, {studio.memory():.0f} MB after", flush=True)
    check(statuses[-1] < count / 50, f"{statuses[-1]} of {count} requests got no answer within 3 seconds.")
    check(studio.memory() < before + 200, f"Memory grew from {before:.0f} to {studio.memory():.0f} MB.")


def hurry(studio, stop):
    """Cancels long jobs, which are valid, so that the others get their turn."""
    while not stop.wait(1):
        try:
            for job in studio.get("/api/state")["jobs"]:
                if job["state"] in ("waiting", "running") and time.time() - job["created"] > 2:
                    studio.ask("DELETE", f"/api/jobs/{job['id']}")
        except Failure:
            continue


def described(studio, examples, seed):
    """schemathesis; returns the number of its requests."""
    command = [pathlib.Path(sys.executable).parent / "st", "run"]
    served = studio.get("/openapi.json")
    if served.get("paths"):
        check(served == json.loads(FILE.read_text()), "The served /openapi.json is not that of the sources.")
    else:
        print("the program has no description built in: that of the sources is taken", flush=True)
    report = studio.folder / "schemathesis.ndjson"
    report.unlink(missing_ok=True)
    # Left out: events, which do not end, and what is not there yet. Whether a model has a class or a run exists is not
    # in the description, so that a request that fits it may be refused. A job that was deleted is remembered.
    begun, before = time.monotonic(), studio.memory()
    stop = threading.Event()
    thread = threading.Thread(target=hurry, args=(studio, stop))
    thread.start()
    done = subprocess.run(
        [*command, FILE, "--url", studio.url, "--phases", "examples,coverage,fuzzing", "--max-examples", str(examples),
         "--seed", str(seed), "--checks", "all", "--exclude-checks",
         "positive_data_acceptance,unsupported_method",
         "--exclude-path-regex", "^(/api/events|/v1/images/variations)$",
         "--continue-on-failure", "--no-shrink", "--request-timeout", "10", "--generation-database", "none",
         "--warnings", "off", "--report", "ndjson", "--report-ndjson-path", report, "--suppress-health-check", "all"],
        capture_output=True, text=True, timeout=1800, cwd=studio.folder,
        env={**os.environ, "NO_COLOR": "1"})
    stop.set()
    thread.join()
    studio.expect_alive()
    (studio.folder / "schemathesis.txt").write_text(done.stdout + done.stderr)
    count = re.search(r"(\d[\d,]*) generated", done.stdout)
    print(f"schemathesis: {count[0] if count else '?'} requests in {time.monotonic() - begun:.0f} s; memory "
          f"{before:.0f} MB before, {studio.memory():.0f} MB after", flush=True)
    found = re.findall(r"^- (.*)$", done.stdout, re.MULTILINE)
    check(done.returncode == 0,
          f"schemathesis: {dict(collections.Counter(found))}; see {studio.folder}/schemathesis.txt")


def test(program, folder, options):
    # Without configurations no request starts a training.
    with Studio(program, folder, "--queue", "4", "--configurations", "none") as studio:
        raw(studio, options.count, options.seed)
        if not (pathlib.Path(sys.executable).parent / "st").exists():
            print("skipped: schemathesis, which is not installed beside this Python")
            return
        described(studio, options.examples, options.seed)


if __name__ == "__main__":
    main(test, __doc__, ("--count", 20_000, "number of mutated requests"), ("--seed", 1, "seed of both"),
         ("--examples", 30, "schemathesis' requests for each operation and phase"))
