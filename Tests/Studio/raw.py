"""Requests as raw bytes, as no client would send them, for the tests of faults."""

import contextlib
import json
import socket
import time

from server import RUN, Answer, check


def exchange(studio, data, seconds=15, trickle=b"", pause=1.0):
    """Sends bytes, then `trickle` byte by byte with pauses; returns the answer, or None if the connection is closed.

    Raises TimeoutError if it stays open without an answer.
    """
    end = time.monotonic() + seconds
    with socket.create_connection(("127.0.0.1", studio.port), timeout=seconds) as client:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            client.sendall(data)
        received, left = b"", trickle
        while time.monotonic() < end:
            client.settimeout(pause if left else max(0.1, end - time.monotonic()))
            try:
                part = client.recv(1 << 16)
                received += part
                answer = parsed(received, closed=not part)
                if answer or not part:
                    return answer
            except TimeoutError:
                if left:
                    with contextlib.suppress(OSError):
                        client.sendall(left[:1])
                    left = left[1:]
            except ConnectionResetError:
                return parsed(received, closed=True)
    raise TimeoutError


def parsed(data, closed):
    head, gap, body = data.partition(b"\r\n\r\n")
    if not gap:
        return None
    lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
    if not closed and len(body) < int(headers.get("content-length", 0)):
        return None
    return Answer(int(lines[0].split()[1]), headers, body)


def request(studio, method, path, body=b"", host=None, **headers):
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host or f'127.0.0.1:{studio.port}'}"]
    if body and "content_length" not in headers and "transfer_encoding" not in headers:
        headers["content_length"] = len(body)
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items() if value is not None]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def want(studio, status, what, method, path, body=b"", json_type=True, seconds=15, is_http=True, **headers):
    """Checks the status of an answer, one of `status`; returns the answer.

    An error says why as JSON, unless the request is not even HTTP.
    """
    kind = {"content_type": "application/json"} if body and json_type else {}
    wanted = (status,) if isinstance(status, int) else status
    try:
        answer = exchange(studio, request(studio, method, path, body, **{**kind, **headers}), seconds)
    except TimeoutError:
        check(False, f"{what}: no answer within {seconds} s.")
        return None
    got = answer.status if answer else "a closed connection"
    check(got in wanted, f"{what}: {method} {path[:80]} got {got}, not {wanted}; {answer and answer.body[:200]}")
    if answer and answer.status >= 400 and is_http:
        check(answer.body.startswith(b'{"'), f"{what}: {got} has no JSON: {answer.body[:100]!r}")
    studio.expect_alive()
    return answer


JOB = json.dumps({"model": RUN, "prompts": ["ring"], "seeds": [0], "steps": 2}).encode()
