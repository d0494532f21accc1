"""Takes the studio's guards out of a copy of the sources, one at a time, and checks that a test then fails.

    python3 Tests/Studio/guards.py --copy FOLDER [--only WORDS]

FOLDER is made, or brought up to date, and built there: the first time takes as long as any build.
"""

import argparse
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
STUDIO = "Sources/PixNerdStudio"

# A guard: its row in docs/studio.md, the file, what is there, what takes its place, and the tests that must fail.
GUARDS = [
    ("a page of another site", "HTTP/StudioGuard.swift", "guard origin != \"null\", origins.contains(origin) else",
     "guard !origin.isEmpty else", "otherSitesPagesAreRefused"),
    ("a page of another site", "HTTP/StudioGuard.swift", "guard let site = request.headers[.secFetchSite], site ==",
     "guard let site = request.headers[.secFetchSite], site != site, site ==", "otherSitesPagesAreRefused"),
    ("a page of another site", "HTTP/StudioGuard.swift", "guard type.trimmingCharacters(in: .whitespaces)",
     "guard true || type.trimmingCharacters(in: .whitespaces)", "onlyJSONIsTaken"),
    ("DNS rebinding", "HTTP/StudioGuard.swift", "guard hosts.contains(name) || Self.isNumeric(name) else",
     "guard !name.isEmpty || hosts.contains(name) || Self.isNumeric(name) else", "foreignNamesOfThisMachineAreRefused"),
    ("DNS rebinding", "HTTP/StudioGuard.swift", "request.headers[values: .host].isEmpty",
     "request.headers[values: .host].count < 9", "foreignNamesOfThisMachineAreRefused"),
    ("open to the network", "Studio.swift", "guard options.token != nil || Self.isOwn(options.address) else",
     "guard !options.address.isEmpty || Self.isOwn(options.address) else", "otherAddressesNeedAToken"),
    ("open to the network", "HTTP/StudioGuard.swift", "guard token.isShown(by: request) else",
     "guard token.isShown(by: request) || true else", "aTokenIsAskedForWhereOneIsSet"),
    ("open to the network", "HTTP/StudioToken.swift",
     "var difference = UInt(bitPattern: bytes.count ^ other.count)", "var difference: UInt = 0", "tokensAreComparedWhole"),
    ("path traversal", "Gallery/Gallery.swift", "guard Self.isName(name), listed().contains(name) else",
     "guard !name.isEmpty else", "picturesOutsideTheGalleryAreNotFound"),
    ("path traversal", "Editing/InputStore.swift",
     "guard Self.isName(name), FileManager.default.fileExists(atPath: path) else",
     "guard FileManager.default.fileExists(atPath: path) else", "picturesAreKeptUnderTheirFingerprint"),
    ("the server fetches an address", "Editing/InputStore.swift", "guard !text.contains(\"://\"), let start", "guard let start",
     "picturesAreKeptUnderTheirFingerprint"),
    ("bombs", "HTTP/StudioGuard.swift", "if let encoding = request.headers[.contentEncoding], encoding",
     "if let encoding = request.headers[.contentEncoding], encoding != encoding, encoding", "onlyJSONIsTaken"),
    ("bombs", "HTTP/StudioGuard.swift", "length > request.bodyLimit {", "length < 0 {", "nothingLargeIsTaken"),
    ("bombs", "HTTP/Response+Bytes.swift", "guard all.readableBytes + part.readableBytes <= limit else",
     "guard all.readableBytes + part.readableBytes <= limit << 20 else", "nothingLargeIsTaken"),
    ("bombs", "Sampling/SampleRequest.swift", "prompts.count <= Self.mostImages, seeds.count <= Self.mostImages,",
     "prompts.count >= 0, seeds.count >= 0 || ", "nothingLargeIsTaken"),
    ("bombs", "Sampling/SampleRequest.swift", "static let mostWork = 1 << 33", "static let mostWork = 1 << 60",
     "nothingLargeIsTaken"),
    ("bombs", "Sampling/SampleRequest.swift", "static let largestSide = 2048", "static let largestSide = 1 << 40",
     "nothingLargeIsTaken"),
    ("bombs", "Sampling/SampleRequest.swift", "static let mostSteps = 1000", "static let mostSteps = 1 << 40",
     "nothingLargeIsTaken"),
    ("bombs", "Editing/InputStore.swift", "guard size.area <= mostPixels else", "guard size.area >= 0 else",
     "picturesAreKeptUnderTheirFingerprint"),
    ("bombs", "Editing/MultipartForm.swift", "parts.count < Self.mostParts else", "parts.count >= 0 else",
     "brokenFormsAreRefused"),
    ("queues", "Sampling/SamplingQueue.swift", "guard openCount < limit else", "guard openCount >= 0 else",
     "aFullQueueSaysWhenToComeBack"),
]


def swift(copy, *arguments):
    return subprocess.run(["swift", *arguments], cwd=copy, capture_output=True, text=True)


def built(copy):
    done = swift(copy, "build", "--build-tests")
    if done.returncode != 0:
        errors = [line for line in done.stdout.splitlines() if "error:" in line]
        sys.exit("The sources do not build:\n" + "\n".join(errors[:10]))


def passes(copy, test):
    command = ["swift", "test", "--skip-build", "--filter", test]
    # A session of its own, so that the tests end with it: a guard that is out may let a request through that takes for ever.
    process = subprocess.Popen(command, cwd=copy, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               start_new_session=True)
    try:
        said, _ = process.communicate(timeout=300)
    except subprocess.TimeoutExpired:
        return False, "it does not end"
    finally:
        subprocess.run(["pkill", "-KILL", "-s", str(process.pid)])
    ran = "Test run with 0 tests" not in said
    return process.returncode == 0 and ran, "" if ran else "there is no such test"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--copy", required=True, type=pathlib.Path, help="folder for the copy of the sources")
    parser.add_argument("--only", default="", help="take out only the guards with this in their row, file or text")
    arguments = parser.parse_args()
    copy = arguments.copy
    guards = [guard for guard in GUARDS if any(arguments.only in part for part in guard)]
    copy.mkdir(parents=True, exist_ok=True)
    subprocess.run(["rsync", "-a", "--delete", "--exclude", ".build", "--exclude", ".git", f"{ROOT}/", f"{copy}/"],
                   check=True)
    built(copy)
    for test in sorted({guard[4] for guard in guards}):
        fine, why = passes(copy, test)
        if not fine:
            sys.exit(f"{test} fails with all guards: {why}")
    missed = []
    for row, name, guard, out, test in guards:
        file = copy / STUDIO / name
        text = file.read_text()
        if text.count(guard) != 1:
            sys.exit(f"{name} has '{guard}' {text.count(guard)} times, and not once.")
        start = time.monotonic()
        file.write_text(text.replace(guard, out))
        try:
            built(copy)
            fine, why = passes(copy, test)
        finally:
            file.write_text(text)
        found = "missed" if fine else "found"
        print(f"{found}: {row}: {name}: {guard[:60]} ({test}, {time.monotonic() - start:.0f} s) {why}", flush=True)
        if fine:
            missed.append(guard)
    if missed:
        sys.exit(f"{len(missed)} of {len(guards)} guards may be taken out without a test that fails.")
    print(f"Each of {len(guards)} guards has a test that fails without it.")


if __name__ == "__main__":
    main()
