#!/usr/bin/env python3
"""Runs pixnerd on hostile keys, options and files, and says which runs broke a promise.

    scripts/fuzz.py --runs 400                       some seconds, as continuous integration does
    scripts/fuzz.py --runs 20000 --seed 7 --kinds tar,png
    scripts/fuzz.py --only 1234 --seed 7             one run again, whose folder is kept

A run may succeed or be refused. It must not end by a signal, take more than --seconds or --megabytes, or be refused in
other words than one sentence without inner words of Swift. What broke a promise is kept in --keep: the input, the command
and what it wrote. docs/reliability.md says what is promised.
"""

import argparse
import collections
import concurrent.futures
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent / "hostile"))
import inputs  # noqa: E402
from runs import KINDS, ROOT, Workbench  # noqa: E402

INNER = re.compile(
    r"AddressSanitizer|runtime error:|Optional\(|_outer|Index\(|Fatal error|Error Domain|NSCocoa|DecodingError|CodingKeys|Swift\.|PixNerdError\(|nil\b|(?<![0-9])0x[0-9a-f]{8}")


def judge(status, output, errors, seconds, megabytes, given, limits):
    """What promise a run broke; None if it broke none."""
    if status < 0:
        return f"ended by {signal.Signals(-status).name}"
    if seconds > limits.seconds:
        return f"took {seconds:.0f} s"
    if megabytes > limits.megabytes:
        return f"took {megabytes:.0f} MB"
    # What was given may be quoted.
    words = [found.group() for found in INNER.finditer(errors) if found.group() not in given]
    if words:
        return f"says inner words: {words[0]}"
    if status == 0 or "Not equal" in output or "too far" in output:
        return None
    said = [line for line in errors.splitlines() if line.startswith("Error: ")]
    # Words of the library that parses arguments, which come with the usage, end without a full stop.
    if len(said) == 1 and "\nUsage: " in errors:
        return None
    if len(said) != 1 or said[0][-1] not in ".?":
        return "is not refused in one sentence" if said or not output else None
    return None


def attempt(bench, number, limits):
    random_source = random.Random(f"{limits.seed} {number}")
    kind = random_source.choice(limits.kinds)
    folder = pathlib.Path(tempfile.mkdtemp(prefix=f"run-{number}-", dir=limits.scratch))
    work = folder / "work"
    shutil.copytree(bench.folder, work, symlinks=True)
    try:
        arguments = [argument.replace("\0", "") for argument in KINDS[kind](bench, work, random_source)]
    except (UnicodeError, ValueError, inputs.zipfile.BadZipFile):
        shutil.rmtree(folder)
        return kind, None, []
    arguments = [argument.encode("utf-8", "replace").decode() for argument in arguments]

    def limit():
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if limits.address_space:
            resource.setrlimit(resource.RLIMIT_AS, (limits.address_space << 20,) * 2)

    environment = dict(os.environ, HOME=str(work))
    with open(folder / "output", "w+b") as output, open(folder / "errors", "w+b") as errors:
        start = time.monotonic()
        process = subprocess.Popen(
            [bench.program, *arguments], cwd=work, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, env=environment, preexec_fn=limit)
        # A long training that is possible is no fault: it is told to stop, and must then end.
        deadline = start + limits.seconds / 2
        stopped = False
        while True:
            done, status, usage = os.wait4(process.pid, os.WNOHANG)
            now = time.monotonic()
            if done:
                break
            if now > deadline:
                os.kill(process.pid, signal.SIGKILL if stopped else signal.SIGTERM)
                stopped, deadline = True, now + limits.seconds
            time.sleep(0.005)
        process.returncode = os.waitstatus_to_exitcode(status)
    said = (folder / "errors").read_text(errors="replace")
    # Work that nothing is lost of, such as drawing, may end by the signal itself.
    status = 0 if stopped and process.returncode == -signal.SIGTERM else process.returncode
    problem = judge(
        status, (folder / "output").read_text(errors="replace"), said, time.monotonic() - start, usage.ru_maxrss / 1024,
        " ".join(arguments), limits)
    if stopped and problem is None and status not in (0, 1, 130, 143):
        problem = f"ended with {process.returncode} when told to stop"
    if problem or limits.only is not None:
        kept = limits.keep / f"{number}"
        shutil.rmtree(kept, ignore_errors=True)
        (folder / "command").write_text(inputs.json.dumps(arguments, ensure_ascii=False) + "\n")
        shutil.copytree(folder, kept, symlinks=True)
    shutil.rmtree(folder, ignore_errors=True)
    return kind, problem and f"{number} ({kind}) {problem}: pixnerd {' '.join(arguments)[:300]}\n    {said.strip()[-300:]}", arguments


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / ".build" / "release" / "pixnerd"))
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--first", type=int, default=0, help="number of the first run")
    parser.add_argument("--only", type=int, help="number of the only run")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--kinds", type=lambda text: text.split(","), default=list(KINDS))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--megabytes", type=float, default=1000)
    parser.add_argument("--address-space", type=int, default=3000, help="MB; 0 for no limit, as sanitizers need")
    parser.add_argument("--keep", type=pathlib.Path, default=ROOT / ".build" / "fuzz")
    limits = parser.parse_args()
    limits.program = os.path.abspath(limits.program)
    numbers = [limits.only] if limits.only is not None else range(limits.first, limits.first + limits.runs)
    limits.keep.mkdir(parents=True, exist_ok=True)
    counts, problems = collections.Counter(), []
    with tempfile.TemporaryDirectory() as scratch:
        limits.scratch = scratch
        (pathlib.Path(scratch) / "good").mkdir()
        bench = Workbench(limits.program, pathlib.Path(scratch) / "good")
        with concurrent.futures.ThreadPoolExecutor(limits.jobs) as pool:
            for kind, problem, _ in pool.map(lambda number: attempt(bench, number, limits), numbers):
                counts[kind] += 1
                if problem:
                    problems.append(problem)
                    print(problem, flush=True)
    print(f"{sum(counts.values())} runs with seed {limits.seed}: " + ", ".join(f"{n} {kind}" for kind, n in sorted(counts.items())))
    print(f"{len(problems)} broke a promise" + (f"; they are kept in {limits.keep}" if problems else ""))
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
