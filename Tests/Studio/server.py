"""Starts `pixnerd studio` for the tests beside this file: on a free port, in a folder with a small trained model.

    python3 -m venv /tmp/studio && /tmp/studio/bin/pip install -r Tests/Studio/requirements.txt
    /tmp/studio/bin/python Tests/Studio/clients.py --program .build/release/pixnerd

All scripts take --program (default: $PIXNERD, or .build/release/pixnerd) and --folder, where data, model and runs are
kept for the next script (default: a new folder, removed at the end). They exit with 0 if all is well or if they print
`skipped: ` and why, and with 1 after a sentence that says what is wrong. By itself this script checks that the program
starts, answers, and stops at an interrupt.
"""

import argparse
import contextlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
RUN = "shapes"
# A model of 0.1 million parameters, trained for a second.
SMALL = {
    "model.hidden_size": "32", "model.num_groups": "2", "model.num_blocks": "2", "model.num_cond_blocks": "1",
    "model.hidden_size_x": "8", "training.batch_size": "4", "training.warmup_steps": "5", "training.log_every": "5",
    "threads": "1",
}


class Failure(Exception):
    """Something that the studio does wrong, as a sentence."""


class Skip(Exception):
    """Why a script cannot be run here, as a sentence."""


def expect(holds, sentence):
    if not holds:
        raise Failure(sentence)


faults = []


def check(holds, sentence):
    """Like `expect`, but goes on, so that one run tells all that is wrong."""
    if not holds:
        faults.append(sentence)
        print(f"fault: {sentence}", file=sys.stderr, flush=True)
    return holds


def settings(values):
    return [part for key, value in values.items() for part in ("--set", f"{key}={value}")]


def prepare(program, folder):
    """Makes a data set of shapes and trains a small model on it, unless they are there."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "datasets/shapes").exists():
        run(program, folder, "dataset", "shapes", "--out", "datasets/shapes", "--size", "32", "--per-class", "12")
    if not (folder / "configs").exists():
        shutil.copytree(ROOT / "configs", folder / "configs")
    for name, steps in (("other", 20), (RUN, 60)):
        if (folder / f"checkpoints/{name}/latest").exists():
            continue
        values = {**SMALL, "name": name, "training.steps": str(steps), "training.save_every": "30",
                  "training.preview_every": "30"}
        run(program, folder, "train", "configs/shapes.yaml", *settings(values))


def run(program, folder, *arguments):
    """Runs the program in a folder, and returns what it prints."""
    done = subprocess.run([program, *arguments], cwd=folder, capture_output=True, text=True, timeout=300)
    expect(done.returncode == 0, f"pixnerd {' '.join(arguments)} exited with {done.returncode}: {done.stderr[-500:]}")
    return done.stdout


class Answer:
    """The status, the headers and the body of an answer."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        try:
            return json.loads(self.body)
        except ValueError:
            raise Failure(f"An answer with status {self.status} is no JSON: {self.body[:200]!r}") from None

    @property
    def message(self):
        """The sentence of an error, with all keys that OpenAI's errors have."""
        error = self.json.get("error", {})
        expect(set(error) == {"message", "type", "param", "code"}, f"An error has the keys {sorted(error)}")
        return error["message"]


class Studio:
    """A running studio. Use it in a `with` statement, which stops it."""

    def __init__(self, program, folder, *arguments, checkpoints="checkpoints", threads=1):
        self.program, self.folder = str(program), pathlib.Path(folder)
        self.log = open(self.folder / "studio.log", "ab")
        self.process = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.command = [self.program, "studio", "--port", str(self.port), "--checkpoints", checkpoints, "--datasets",
                        "datasets", "--configurations", "configs", "--threads", str(threads), *arguments]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, cwd=self.folder, stdout=self.log, stderr=self.log,
                                        stdin=subprocess.DEVNULL)
        end = time.monotonic() + 20
        while time.monotonic() < end:
            self.expect_alive()
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return self
            time.sleep(0.05)
        self.kill()
        raise Failure("The studio did not listen within 20 seconds.")

    def __exit__(self, kind, error, trace):
        if self.process.poll() is None and kind is not None:
            self.kill()
        elif self.process.poll() is None:
            self.stop()
        self.log.close()

    def children(self):
        """Processes that it started: a training, an inspection of data."""
        found = []
        for task in pathlib.Path(f"/proc/{self.process.pid}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                found += [int(child) for child in task.read_text().split()]
        return found

    def kill(self):
        """Ends it and what it started, at once."""
        left = self.children()
        self.process.kill()
        self.process.wait()
        for child in left:
            with contextlib.suppress(OSError):
                os.kill(child, signal.SIGKILL)

    def stop(self, seconds=30):
        """Interrupts it as Ctrl-C does, and returns the seconds until it ended with status 0."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failure(f"The studio did not stop within {seconds} seconds of SIGINT.") from None
        expect(status == 0, f"The studio exited with {status} after SIGINT.")
        return time.monotonic() - begun

    def expect_alive(self):
        status = self.process.poll()
        expect(status is None, f"The studio ended with {status}; see {self.folder}/studio.log.")

    def memory(self):
        """Resident memory in MB."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
        raise Failure("The studio has no memory: it ended.")

    def files(self):
        """Number of open files and sockets."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def ask(self, method, path, value=None, headers=None, timeout=60):
        """Sends a request with a value as JSON, or without."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        body = None if value is None else json.dumps(value)
        kind = {} if value is None else {"Content-Type": "application/json"}
        try:
            connection.request(method, path, body, {**kind, **(headers or {})})
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        except (OSError, http.client.HTTPException) as error:
            self.expect_alive()
            raise Failure(f"{method} {path} got no answer: {error!r}") from None
        finally:
            connection.close()

    def get(self, path, **more):
        answer = self.ask("GET", path, **more)
        expect(answer.status == 200, f"GET {path} got {answer.status}: {answer.body[:300]!r}")
        return answer.json

    def job(self, status=202, **fields):
        """Posts a job for one picture unless `fields` say otherwise, and returns it, or the answer if it is refused."""
        request = {"model": RUN, "prompts": ["ring"], "seeds": [0], **fields}
        answer = self.ask("POST", "/api/jobs", request)
        expect(answer.status == status, f"A job got {answer.status}, not {status}: {answer.body[:300]!r}")
        return answer.json["job"] if status == 202 else answer

    def until(self, what, check, seconds=60):
        """Waits until `check` returns something true, and returns it."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.expect_alive()
            found = check()
            if found:
                return found
            time.sleep(0.1)
        raise Failure(f"{what} took longer than {seconds} seconds.")

    def finished(self, job, seconds=60):
        """The job when it is over."""
        return self.until(f"Job {job['id']}", lambda: next(iter(
            [now for now in [self.get(f"/api/jobs/{job['id']}")["job"]]
             if now["state"] in ("done", "cancelled", "failed")]), None), seconds)

    def cancel_all(self):
        for job in self.get("/api/state")["jobs"]:
            if job["state"] in ("waiting", "running"):
                self.ask("DELETE", f"/api/jobs/{job['id']}")


def main(test, description, *options):
    """Runs `test(program, folder, options)` as a script does.

    `options` are (name, default, help); the default's type is the option's.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=os.environ.get("PIXNERD", ROOT / ".build/release/pixnerd"))
    parser.add_argument("--folder", type=pathlib.Path, help="where data and runs are kept")
    for name, default, text in options:
        parser.add_argument(name, type=type(default) if default is not None else pathlib.Path, default=default,
                            help=f"{text} (default: {default})", **({} if name[0] == "-" else {"nargs": "?"}))
    chosen = parser.parse_args()
    folder = (chosen.folder or pathlib.Path(tempfile.mkdtemp(prefix="studio-"))).resolve()
    program = pathlib.Path(chosen.program).resolve()
    begun = time.monotonic()
    try:
        expect(program.exists(), f"{program} does not exist; give the program with --program.")
        prepare(program, folder)
        test(program, folder, chosen)
        expect(not faults, f"{len(faults)} faults were found; the first: {faults[0] if faults else ''}")
        print(f"passed in {time.monotonic() - begun:.0f} s")
    except Skip as reason:
        print(f"skipped: {reason}")
    except Failure as failure:
        print(f"failed: {failure}", file=sys.stderr)
        sys.exit(1)
    finally:
        if not chosen.folder:
            shutil.rmtree(folder, ignore_errors=True)


def test(program, folder, _):
    with Studio(program, folder) as studio:
        expect(RUN in [model["id"] for model in studio.get("/api/models")["models"]], "The model is not listed.")
        expect(studio.finished(studio.job())["state"] == "done", "A job was not done.")
        print(f"{studio.memory():.0f} MB, {studio.files()} files; stopped in {studio.stop():.2f} s")


if __name__ == "__main__":
    main(test, __doc__)
