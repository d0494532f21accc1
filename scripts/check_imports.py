#!/usr/bin/env python3
"""Checks that the modules depend on each other as docs/architecture.md says.

The page has a fenced block `layers` with a line for each module, the lowest floor first:

    PixNerdTensors: PixNerdSupport CPixNerdKernels

Three accounts must agree: the page, the dependencies in Package.swift, and the imports and includes in the sources.
Products of other packages need not stand on the page; their imports are checked against Package.swift alone.

    scripts/check_imports.py [PAGE]
"""

import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Modules of the toolchain, which need no dependency.
TOOLCHAIN = {"Swift", "Foundation", "Dispatch", "Glibc", "Musl", "Darwin", "Synchronization", "Testing", "FoundationXML"}
IMPORT = re.compile(
    r"^\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:(?:public|package|internal|fileprivate|private)\s+)?"
    r"import\s+(?:(?:struct|class|enum|protocol|func|var|let|typealias|actor)\s+)?(\w+)"
)
INCLUDE = re.compile(r'^\s*#\s*include\s+["<]([^">]+)[">]')
LINE = re.compile(r"^([\w-]+)\s*:\s*([\w\s]*)$")

problems = []


def report(place, text):
    problems.append(f"{place}: {text}")


def is_own(name):
    """Whether a module is one of this package's libraries or C targets."""
    return name.startswith(("PixNerd", "CPixNerd"))


def read_page(path):
    """The allowed dependencies of each module, in the order of the page, and the lines they stand on."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        sys.exit(f"{path}: cannot be read: {error.strerror}")
    allowed, places = {}, {}
    inside = found = False
    for number, line in enumerate(lines, 1):
        fence = line.strip()
        if not inside:
            inside = fence == "```layers"
            found = found or inside
            continue
        if fence.startswith("```"):
            inside = False
            continue
        text = line.split("#")[0].strip()
        if not text:
            continue
        match = LINE.match(text)
        place = f"{path.name}:{number}"
        if not match:
            report(place, f"'{text}' is not of the form 'Module: Module Module'")
        elif match[1] in allowed:
            report(place, f"{match[1]} already stands on {places[match[1]]}")
        else:
            allowed[match[1]], places[match[1]] = match[2].split(), place
    if not found:
        sys.exit(f"{path}: has no fenced block ```layers")
    if inside:
        sys.exit(f"{path}: the block ```layers is not closed")
    return allowed, places


def read_package():
    """Kind, folder, dependencies within the package and products of others, for each target of Package.swift."""
    command = ["swift", "package", "--package-path", str(ROOT), "--ignore-lock", "dump-package"]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit("swift package dump-package failed:\n" + result.stderr)
    targets = {}
    for target in json.loads(result.stdout)["targets"]:
        own, products = [], []
        for dependency in target["dependencies"]:
            name = (dependency.get("byName") or dependency.get("target") or dependency.get("product"))[0]
            (products if "product" in dependency else own).append(name)
        usual = "Tests" if target["type"] == "test" else "Sources"
        folder = ROOT / (target.get("path") or f"{usual}/{target['name']}")
        targets[target["name"]] = {"kind": target["type"], "folder": folder, "own": own, "products": products}
    return targets


def files(folder, *suffixes):
    return sorted(path for path in folder.rglob("*") if path.suffix in suffixes and path.is_file())


def swift_imports(path):
    """Imported modules with their lines; comments, also of several lines, and text of several lines are skipped."""
    comment, text = 0, False
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not comment and not text and (match := IMPORT.match(line)):
            yield number, match[1]
        if line.count('"""') % 2:
            text = not text
        elif not text:
            code = line.split("//")[0]
            comment = max(0, comment + code.count("/*") - code.count("*/"))


def check_page(allowed, places, targets):
    """The page against Package.swift, and the order of its floors."""
    seen = set()
    for module, dependencies in allowed.items():
        place = places[module]
        if module not in targets:
            report(place, f"{module} is not a target of Package.swift")
            continue
        declared = targets[module]["own"] + targets[module]["products"]
        for name in dependencies:
            if name not in declared:
                report(place, f"{module} lists {name}, on which it does not depend in Package.swift")
            # C targets that depend on nothing need no line of their own.
            if name in allowed and name not in seen:
                report(place, f"{module} depends on {name}, which is not on a lower floor (an earlier line)")
            elif name.startswith("PixNerd") and name not in allowed:
                report(place, f"{module} lists {name}, which has no line")
        seen.add(module)
        for name in targets[module]["own"]:
            if name not in dependencies:
                report("Package.swift", f"{module} depends on {name}, which {place} does not list")
    for name, target in targets.items():
        # Helpers of the tests are no part of the architecture.
        if target["kind"] == "test" or "Tests" in target["folder"].parts or name in allowed:
            continue
        if not name.startswith("CPixNerd") or target["own"]:
            report("Package.swift", f"the target {name} has no line in the page")


def check_swift(name, target, allowed, targets):
    """The imports of a Swift target against the page and Package.swift."""
    declared = set(target["own"] + target["products"])
    used = set()
    for path in files(target["folder"], ".swift"):
        for number, module in swift_imports(path):
            used.add(module)
            place = f"{path.relative_to(ROOT)}:{number}"
            if module in TOOLCHAIN:
                continue
            if module not in declared:
                if is_own(module) and module not in targets:
                    report(place, f"imports {module}, which Package.swift does not have")
                else:
                    report(place, f"imports {module}, on which {name} does not depend in Package.swift")
            if is_own(module) and name in allowed and module not in allowed[name]:
                report(place, f"imports {module}, which the page does not allow to {name}")
    # Tests may depend on the program only so that it is built, and all of them depend on the helpers of tests.
    if target["kind"] != "test":
        for module in sorted(set(target["own"]) - used):
            report("Package.swift", f"{name} depends on {module}, which none of its files imports")


def check_c(name, target, targets):
    """The includes of a C target against Package.swift."""
    owners = {}
    for other, found in targets.items():
        if other.startswith("CPixNerd"):
            for header in files(found["folder"], ".h"):
                owners.setdefault(header.name, set()).add(other)
    for path in files(target["folder"], ".c", ".h"):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            match = INCLUDE.match(line)
            theirs = owners.get(pathlib.PurePath(match[1]).name, set()) if match else set()
            if theirs and name not in theirs and not theirs & set(target["own"]):
                report(
                    f"{path.relative_to(ROOT)}:{number}",
                    f"includes {match[1]} of {', '.join(sorted(theirs))}, on which {name} does not depend",
                )


def main():
    page = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs/architecture.md"
    allowed, places = read_page(page)
    targets = read_package()
    check_page(allowed, places, targets)
    for name, target in targets.items():
        if name.startswith("CPixNerd"):
            check_c(name, target, targets)
        elif target["kind"] not in ("system", "snippet", "plugin"):
            check_swift(name, target, allowed, targets)
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        sys.exit(f"{len(problems)} problems between {page.name}, Package.swift and the imports")
    print(f"{len(allowed)} modules depend on each other as {page.name} says")


main()
