#!/usr/bin/env python3
"""Checks rules of the sources that neither compiler nor formatter knows.

- flags: no text in a library names a command-line option; messages refer to a `Setting`, which the program names.
- output: no library writes to standard output or standard error; it logs or calls a handler.
- docs: no docstring, nor the text of a parameter, begins with a word that points at its neighbour.
- length: no source file has more than 300 lines.
- types: the types of one denoiser are named only where it is defined and registered.

    scripts/check_words.py [RULE ...]
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LONGEST = 300
# What prints, and knows the options; all else is a library.
PROGRAMS = ("Sources/PixNerdCommands/", "Sources/pixnerd/", "Sources/pixnerd-studio/")
FLAG = re.compile(r"(?<![\w-])--[a-z][\w-]*")
# A custom property of CSS looks like an option.
PROPERTY = re.compile(r"var\(--[\w-]+|--[\w-]+:[^;{}]*;")
OUTPUT = re.compile(
    # What a child process prints goes where its parent says.
    r"\b(?<!close\()(?<!process\.)(?:standardError|standardOutput|STDERR_FILENO|STDOUT_FILENO|stderr|stdout)\b"
    r"|(?<![\w.])(?<!func )(?:print|debugPrint|dump|puts|printf|perror)\("
)
FRAGMENT = re.compile(r"(?:of|the same|those|both)\b", re.IGNORECASE)
DOC = re.compile(r"^\s*///\s?(.*)$")
ITEM = re.compile(r"^\s*- (?:(?:Parameter|Parameters|Returns|Throws)\b[^:]*|[\w, ]+):\s+(.*)$")
CONCRETE = re.compile(r"\b(?:(?:Text)?PixNerd|(?:Text)?PixNerdArchitecture|PixNerdHead|FieldRoute|PixNerdCheckpoint)\b")
HOMES = (
    "Sources/PixNerdModels/PixNerd/", "Sources/PixNerdModels/TextPixNerd/", "Sources/PixNerdModels/Fields/",
    "Sources/PixNerdModels/Loading/KnownDenoisers.swift")


def split(source):
    """The code, and the text of string literals, of Swift or C source, both with the lines of the source.

    Whatever belongs to the other, and comments, is replaced by blanks.
    """
    code, text = [], []
    index, end = 0, len(source)

    def put(count, to):
        nonlocal index
        for character in source[index : index + count]:
            blank = "\n" if character == "\n" else " "
            code.append(character if to == "code" else blank)
            text.append(character if to == "text" else blank)
        index += count

    def comment():
        nonlocal index
        depth = 0
        while index < end:
            if source.startswith("/*", index):
                depth += 1
                put(2, "")
            elif source.startswith("*/", index):
                depth -= 1
                put(2, "")
                if depth == 0:
                    return
            else:
                put(1, "")

    def string():
        opening = re.compile(r'(#*)("""|")').match(source, index)
        hashes, quotes = opening[1], opening[2]
        put(len(opening[0]), "")
        while index < end:
            if source.startswith(quotes + hashes, index):
                return put(len(quotes + hashes), "")
            if source.startswith(f"\\{hashes}(", index):
                put(2 + len(hashes), "")
                walk(inside=True)
            elif source[index] == "\\" and not hashes:
                put(2, "text")
            elif source[index] == "\n" and quotes == '"':
                return
            else:
                put(1, "text")

    def walk(inside):
        depth = 1
        while index < end:
            if source.startswith("//", index):
                newline = source.find("\n", index)
                put((newline if newline >= 0 else end) - index, "")
            elif source.startswith("/*", index):
                comment()
            elif re.compile(r'#*"').match(source, index):
                string()
            elif source[index] == "'" and (match := re.compile(r"'(?:\\.[^']*|[^'\\])'").match(source, index)):
                put(len(match[0]), "")
            else:
                if inside:
                    depth += {"(": 1, ")": -1}.get(source[index], 0)
                    if depth == 0:
                        return put(1, "")
                put(1, "code")

    walk(inside=False)
    return "".join(code).split("\n"), "".join(text).split("\n")


def sources(*folders):
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".swift", ".c", ".h") and path.is_file():
                yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")


def libraries():
    return ((path, source) for path, source in sources("Sources") if not path.startswith(PROGRAMS))


def matches(pattern, lines):
    return ((number, match[0]) for number, line in enumerate(lines, 1) for match in pattern.finditer(line))


def flags():
    for path, source in libraries():
        lines = [PROPERTY.sub("", line) for line in split(source)[1]]
        for number, flag in matches(FLAG, lines):
            yield f"{path}:{number}: text names the option {flag}; refer to a Setting"


def output():
    for path, source in libraries():
        for number, call in matches(OUTPUT, split(source)[0]):
            yield f"{path}:{number}: a library uses {call.rstrip('(')}; log, or call a handler"


def docs():
    for path, source in sources("Sources", "Tests"):
        before = False
        for number, line in enumerate(source.splitlines(), 1):
            doc = DOC.match(line)
            if doc:
                item = ITEM.match(doc[1])
                start = item[1] if item else doc[1] if not before else ""
                if FRAGMENT.match(start):
                    yield f"{path}:{number}: '{start[:50]}' does not stand alone"
            before = bool(doc)


def length():
    for path, source in sources("Sources", "Tests"):
        if (count := source.count("\n")) > LONGEST:
            yield f"{path}: has {count} lines, more than {LONGEST}"


def types():
    for path, source in sources("Sources"):
        if path.startswith(HOMES):
            continue
        for number, name in matches(CONCRETE, split(source)[0]):
            yield f"{path}:{number}: names {name}; use the registry of denoisers (KnownDenoisers)"


RULES = {rule.__name__: rule for rule in (flags, output, docs, length, types)}


def main():
    unknown = [name for name in sys.argv[1:] if name not in RULES]
    if unknown:
        sys.exit(f"no rule {unknown[0]}: choose from {', '.join(RULES)}")
    counts = {}
    for name in sys.argv[1:] or RULES:
        found = list(RULES[name]())
        counts[name] = len(found)
        for problem in found:
            print(problem, file=sys.stderr)
    summary = ", ".join(f"{name} {count}" for name, count in counts.items())
    if any(counts.values()):
        sys.exit(f"rules of the sources are broken: {summary}")
    print(f"rules of the sources hold: {', '.join(counts)}")


main()
