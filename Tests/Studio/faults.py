"""Tries every fault of the studio's table (design, section 3) by raw sockets: each rule has a request that breaks it.

Other sites and names, forms and tokens, paths and addresses, large requests and bombs are here; slow clients, a full
queue and shutdown are in slow.py, which this script runs, too.
"""

import base64
import contextlib
import json
import pickle
import shutil
import socket
import struct
import subprocess
import urllib.parse
import zlib

import slow
from raw import JOB, exchange, request, want
from server import RUN, Studio, check, expect, main

SECRET = "the-secret-of-another-folder"
TOKEN = "correct horse"


def sites(studio):
    """Other sites' pages, and other names of this machine (DNS rebinding)."""
    port = studio.port
    for host in ("localhost", f"LOCALHOST:{port}", "127.0.0.1", f"[::1]:{port}"):
        want(studio, 200, f"Host {host}", "GET", "/api/state", host=host)
    for host in ("evil.example", f"evil.example:{port}", "localhost.evil.example", "127.0.0.1.evil.example", "127.1",
                 "0x7f.1", "localhost@evil.example", "evil.example#localhost"):
        for method, path in (("GET", "/"), ("GET", "/api/state"), ("POST", "/sdapi/v1/interrupt")):
            want(studio, (400, 403), f"foreign Host {host}", method, path, host=host)
    answer = exchange(studio, b"GET /api/state HTTP/1.1\r\n\r\n")
    check(answer is None or answer.status == 400, "A request without Host is answered.")
    for hosts in (("localhost", "evil.example"), ("evil.example", "localhost")):
        two = "GET /api/state HTTP/1.1\r\nHost: {}\r\nHost: {}\r\n\r\n".format(*hosts).encode()
        answer = exchange(studio, two)
        check(answer is None or answer.status in (400, 403), f"Two Hosts, {hosts}, get {answer and answer.status}.")
    for origin in ("null", "http://evil.example", f"http://evil.example:{port}", "http://127.0.0.1:1",
                   f"http://127.0.0.1:{port}.evil.example", "file://", ""):
        for method, path, body in (("GET", "/api/state", b""), ("POST", "/api/jobs", JOB),
                                   ("OPTIONS", "/api/jobs", b""), ("POST", "/sdapi/v1/interrupt", b""),
                                   ("DELETE", "/api/jobs/1", b"")):
            answer = want(studio, 403, f"Origin '{origin}'", method, path, body, origin=origin)
            check(not answer or "access-control-allow-origin" not in answer.headers, f"{origin} is allowed by CORS.")
    want(studio, 403, "cross-site without Origin", "POST", "/sdapi/v1/interrupt", sec_fetch_site="cross-site")
    answer = want(studio, 202, "own Origin", "POST", "/api/jobs", JOB, origin=f"http://127.0.0.1:{port}")
    check(answer and "access-control-allow-origin" not in answer.headers, "CORS is on without being asked for.")
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", None,
                 "text/json", "application/jsonp", "text/plain; application/json", "application/json, text/plain"):
        for path in ("/api/jobs", "/v1/images/generations", "/sdapi/v1/txt2img", "/api/trainings", "/api/session",
                     "/sdapi/v1/options", "/api/state"):
            want(studio, 415, f"Content-Type {kind}", "POST", path, JOB, json_type=False, content_type=kind)
    for encoding in ("gzip", "deflate", "br", "zstd", "gzip, identity"):
        want(studio, 415, f"Content-Encoding {encoding}", "POST", "/api/jobs", JOB, content_encoding=encoding)
    page = want(studio, 200, "page", "GET", "/")
    check("frame-ancestors 'none'" in page.headers.get("content-security-policy", ""), "The page may be framed.")
    check(page.headers.get("x-content-type-options") == "nosniff", "Types may be sniffed.")
    check(b"ickle" in page.body, "The page does not say that pickles are never run.")


def tokens(program, folder):
    """The token, by every way, and origins that are allowed."""
    refused = subprocess.run([program, "studio", "--address", "0.0.0.0", "--port", "0"], cwd=folder,
                             capture_output=True, text=True, timeout=20)
    check(refused.returncode != 0 and "token" in refused.stderr, "Without a token the studio opens to the network.")
    basic = base64.b64encode(f"anyone:{TOKEN}".encode()).decode()
    allowed = "http://localhost:5001"
    with Studio(program, folder, "--token", TOKEN, "--allow-origin", allowed) as studio:
        for path in ("/api/state", "/v1/models", "/sdapi/v1/options", "/api/events", "/api/keys", "/nothing"):
            for given in (None, "Bearer wrong", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer ", "Bearer",
                          "Basic", "Basic !", "Basic " + base64.b64encode(b"a:wrong").decode(), f"Digest {TOKEN}",
                          TOKEN):
                answer = want(studio, 401, f"Authorization {given}", "GET", path, authorization=given)
        check("www-authenticate" in answer.headers, "401 comes without WWW-Authenticate, which RFC 9110 demands.")
        want(studio, 401, "token in the address", "GET", f"/api/state?token={TOKEN.replace(' ', '%20')}")
        for method, path, body in (("POST", "/api/jobs", JOB), ("POST", "/api/state", b'{"while_training": "wait"}'),
                                   ("POST", "/api/trainings", b'{"run": "x"}'), ("POST", "/sdapi/v1/interrupt", b""),
                                   ("DELETE", "/api/pictures/1", b""), ("POST", "/sdapi/v1/options", b"{}")):
            want(studio, 401, "change without the token", method, path, body)
        want(studio, 200, "page without the token", "GET", "/")
        want(studio, 200, "bearer", "GET", "/api/state", authorization=f"Bearer {TOKEN}")
        want(studio, 200, "basic", "GET", "/api/state", authorization=f"Basic {basic}")
        want(studio, 401, "wrong cookie", "GET", "/api/state", cookie="pixnerd_studio=wrong")
        want(studio, 401, "wrong token", "POST", "/api/session", b'{"token": "wrong"}')
        given = want(studio, 204, "token", "POST", "/api/session", json.dumps({"token": TOKEN}).encode())
        cookie = given.headers.get("set-cookie", "")
        check("HttpOnly" in cookie and "SameSite=Strict" in cookie, f"The cookie is '{cookie}'.")
        want(studio, 200, "cookie", "GET", "/api/state", cookie=cookie.split(";")[0])
        right = {"authorization": f"Bearer {TOKEN}"}
        answer = want(studio, 204, "preflight", "OPTIONS", "/api/jobs", origin=allowed,
                      access_control_request_method="POST")
        check(answer and answer.headers.get("access-control-allow-origin") == allowed, "An origin is not allowed.")
        answer = want(studio, 200, "allowed origin", "GET", "/api/state", origin=allowed, **right)
        check(answer and answer.headers.get("access-control-allow-origin") == allowed, "CORS lacks on an answer.")
        answer = want(studio, 404, "allowed origin", "GET", "/api/runs/no", origin=allowed, **right)
        check(answer and answer.headers.get("access-control-allow-origin") == allowed,
              "Errors lack Access-Control-Allow-Origin, so that an allowed page cannot read their sentence.")
        want(studio, 403, "another origin", "GET", "/api/state", origin="http://localhost:5002", **right)


def paths(studio, folder):
    """Names that need escapes, path traversal, and addresses that a request would have fetched."""
    for name in ("my run", "ü", "a+b"):
        shutil.copytree(folder / "checkpoints/other", folder / "checkpoints" / name, dirs_exist_ok=True)
        want(studio, 200, f"the run '{name}'", "GET", f"/api/runs/{urllib.parse.quote(name)}")
        shutil.rmtree(folder / "checkpoints" / name)
    (folder / "secret.txt").write_text(SECRET)
    (folder / "secret.yaml").write_text(f"# {SECRET}\nname: {SECRET}\n")
    shutil.copytree(folder / "checkpoints/other", folder / "outside", dirs_exist_ok=True)
    ups = ("..", "%2e%2e", "..%2f..", "%2e%2e%2f%2e%2e", "..\\..", "..%5C..", "%5C..", "....//..", "..%00",
           "%c0%ae%c0%ae", "..%255C..", str(folder).replace("/", "%2F"), str(folder))
    for up in ups:
        for tail in ("secret.txt", "secret", "outside", "configs/shapes.yaml"):
            for base in ("", "/api/pictures", "/api/runs", "/api/datasets", "/api/jobs"):
                for path in (f"{base}/{up}/{tail}", f"{base}/{up}%2F{tail}", f"{base}/{up}%5C{tail}"):
                    answer = want(studio, (400, 404), "path traversal", "GET", path)
                    check(answer is None or SECRET.encode() not in answer.body, f"GET {path} shows a foreign file.")
        for tail in ("sheet?size=32", "metrics", "log", "previews/20/ema", "frames/1"):
            for kind in ("pictures", "runs", "datasets"):
                want(studio, (400, 404), "path traversal", "GET", f"/api/{kind}/{up}%2Foutside/{tail}")
    names = ("../outside", "..\\outside", "checkpoints/other", "./other", "/etc", f"{folder}/outside", "other/.", "",
             ".studio", "other@../20", "other@20/../20")
    for name in names:
        body = json.dumps({"model": name, "prompts": ["ring"], "seeds": [0]}).encode()
        want(studio, (400, 404), f"model {name}", "POST", "/api/jobs", body)
        body = json.dumps({"run": name, "resume": True}).encode()
        want(studio, (400, 404, 409), f"run {name}", "POST", "/api/trainings", body)
    for name in ("../secret.yaml", "..\\secret.yaml", "/etc/passwd", f"{folder}/secret.yaml", "../configs/shapes.yaml"):
        body = json.dumps({"run": "foreign", "configuration": name}).encode()
        answer = want(studio, (400, 404), f"configuration {name}", "POST", "/api/trainings", body)
        check(answer is None or b"no configuration" in answer.body, f"configuration {name} gets {answer.body[:200]}")
    expect(not (folder / "checkpoints/foreign").exists(), "A foreign configuration was trained.")

    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.settimeout(1)
        url = f"http://127.0.0.1:{trap.getsockname()[1]}/x.png"
        wishes = {"prompt": "ring", "steps": 2, "init_images": [url], "image": url, "mask": url, "image_url": url,
                  "webhook": url, "callback": url, "hr_upscaler": url, "alwayson_scripts": {"x": {"args": [url]}}}
        for path in ("/v1/images/generations", "/sdapi/v1/txt2img", "/sdapi/v1/img2img", "/v1/images/edits"):
            for more in ({}, {"model": url}, {"override_settings": {"sd_model_checkpoint": url}}):
                exchange(studio, request(studio, "POST", path, json.dumps({**wishes, **more}).encode(),
                                         content_type="application/json"))
        for body in ({"run": "u", "configuration": url}, {"run": "u", "keys": {"data.root": url}}, {"run": url}):
            want(studio, (400, 404), "URL in a training", "POST", "/api/trainings", json.dumps(body).encode())
        quoted = url.replace("/", "%2F")
        for path in (f"/api/datasets/{quoted}", f"/api/runs/{quoted}", f"/file={url}", f"/proxy={url}", url):
            exchange(studio, request(studio, "GET", path))
        with contextlib.suppress(TimeoutError):
            trap.accept()
            expect(False, "A URL of a request was fetched.")


def bombs(studio, folder):
    """Large bodies, numbers and pictures, and files that would run something."""
    before = studio.memory()
    for path in ("/api/jobs", "/v1/images/generations", "/sdapi/v1/txt2img", "/sdapi/v1/interrupt",
                 "/api/trainings/stop"):
        for length in (2 << 20, 10 << 30, 1 << 62):
            want(studio, 413, f"Content-Length {length}", "POST", path, json_type=False,
                 content_type="application/json", content_length=length, seconds=5)
        for length in ("-1", "x", "1,2", "9" * 40):
            want(studio, (400, 413), f"Content-Length {length}", "POST", path, json_type=False,
                 content_type="application/json", content_length=length, seconds=5, is_http=False)
        chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        head = request(studio, "POST", path, transfer_encoding="chunked", content_type="application/json")
        with contextlib.suppress(TimeoutError):
            answer = exchange(studio, head + chunk * 640, 10)
            ignores = path in ("/sdapi/v1/interrupt", "/api/trainings/stop")
            check(ignores or answer is None or answer.status == 413, f"40 MB in chunks get {answer and answer.status}.")
    both = request(studio, "POST", "/api/jobs", b"0\r\n\r\n", content_type="application/json", content_length=5,
                   transfer_encoding="chunked")
    answer = exchange(studio, both)
    check(answer is None or answer.status == 400, f"Content-Length beside chunks gets {answer and answer.status}.")
    for text in (b"[" * 500_000, b'{"model":' * 100_000, b'{"prompt": ' + b"[" * 900_000):
        for path in ("/api/jobs", "/v1/images/generations"):
            want(studio, 400, "deep JSON", "POST", path, text)
    job = {"model": RUN, "prompts": ["ring"], "seeds": [0]}
    for more in ({"seeds": list(range(65))}, {"prompts": ["ring"] * 65}, {"prompts": list("01234567"), "seeds":
                 list(range(9))}, {"steps": 0}, {"steps": 1001}, {"steps": 1 << 62}, {"steps": 1e30}, {"size": "2049"},
                 {"size": "1x100000"}, {"size": "0"}, {"size": "-8"}, {"size": "9" * 30}, {"prompts": []},
                 {"seeds": []}, {"seeds": [-1]}, {"seeds": [1 << 64]}, {"seeds": list(range(64)), "size": "2048",
                  "steps": 1000},
                 {"prompts": ["x" * 10001]}, {"guidance": 1e9}, {"shift": 0}, {"order": 99, "sampler": "adams"},
                 {"order": 99}, {"precision": "fp8"}, {"prompts": ["ring", "ring"]}, {"values": ["age=1"]}):
        want(studio, 400, f"job with {str(more)[:60]}", "POST", "/api/jobs", json.dumps({**job, **more}).encode(),
             seconds=5)
    for path, name in (("/v1/images/generations", "size"), ("/sdapi/v1/txt2img", "width")):
        for size in (0, -1, 2049, 1 << 40, 1 << 70):
            more = {"size": f"{size}x64"} if name == "size" else {"width": size, "height": 64}
            want(studio, 400, f"side {size}", "POST", path, json.dumps({"prompt": "ring", **more}).encode(), seconds=5)
    for more in ({"n": 11}, {"n": 0}, {"partial_images": 4}, {"seed": 1 << 70}, {"steps": 100_000}):
        want(studio, 400, f"{more}", "POST", "/v1/images/generations", json.dumps({"prompt": "ring", **more}).encode())
    for more in ({"batch_size": 65}, {"batch_size": 1 << 62, "n_iter": 1 << 62}, {"n_iter": 64, "batch_size": 2}):
        want(studio, 400, f"{more}", "POST", "/sdapi/v1/txt2img", json.dumps({"prompt": "ring", **more}).encode())

    def part(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    (folder / "datasets/bomb/a").mkdir(parents=True, exist_ok=True)
    (folder / "datasets/bomb/a/x.png").write_bytes(
        b"\x89PNG\r\n\x1a\n" + part(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 6, 0, 0, 0))
        + part(b"zTXt", b"a\0\0" + zlib.compress(b" " * (200 << 20))) + part(b"IDAT", zlib.compress(b"\0" * 100))
        + part(b"IEND", b""))
    for path in ("/api/datasets/bomb", "/api/datasets/bomb/sheet?size=32"):
        want(studio, (200, 400), "picture of 60000 x 60000", "GET", path, seconds=30)

    class Run:
        def __reduce__(self):
            return __import__("os").system, (f"touch {folder}/ran",)
    for ending in ("pt", "ckpt", "pth"):
        (folder / f"checkpoints/evil.{ending}").write_bytes(pickle.dumps(Run(), 2))
        model = next(model for model in studio.get("/api/models")["models"] if model["id"] == f"evil.{ending}")
        check(model.get("error"), f"A pickle evil.{ending} is listed without an error.")
        body = json.dumps({**job, "model": f"evil.{ending}"}).encode()
        want(studio, 400, "pickle", "POST", "/api/jobs", body)
        (folder / f"checkpoints/evil.{ending}").unlink()
    expect(not (folder / "ran").exists(), "A pickle was run.")
    after = studio.memory()
    check(after < before + 150, f"Memory grew from {before:.0f} to {after:.0f} MB by refused requests.")


def test(program, folder, options):
    tokens(program, folder)
    print("tokens: done", flush=True)
    with Studio(program, folder) as studio:
        for part in (sites, paths, bombs):
            before = studio.memory()
            part(studio) if part is sites else part(studio, folder)
            print(f"{part.__name__}: memory {before:.0f} MB before, {studio.memory():.0f} MB after", flush=True)
    slow.test(program, folder, options)


if __name__ == "__main__":
    main(test, __doc__)
