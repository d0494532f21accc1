#!/usr/bin/env python3
"""Writes the symbol graph by which DocC finds Snippets/*.swift, as swift-docc-plugin's snippet-extract does.

    scripts/snippet_graph.py FOLDER

The comment at the top becomes the text; `// snippet.NAME` to `// snippet.end` marks a slice; what lies between
`// snippet.hide` and `// snippet.show` is left out.
"""

import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
MARK = re.compile(r"^\s*//\s*snippet\.(\w+)\s*$")


def parsed(source):
    """The lines of the introduction, the lines of code, and the range of each slice."""
    lines = source.splitlines()
    top = next((place for place, line in enumerate(lines) if not line.startswith("//")), len(lines))
    text = [line[2:].strip() for line in lines[:top]]
    code, slices, name, hidden = [], {}, None, False
    for line in lines[top:]:
        mark = MARK.match(line)
        if mark is None:
            if not hidden and (code or line.strip()):
                code.append(line)
            continue
        if mark[1] in ("hide", "show"):
            hidden = mark[1] == "hide"
            continue
        if name is not None:
            slices[name] = [slices[name], len(code)]
        name = None if mark[1] == "end" else mark[1]
        if name is not None:
            slices[name] = len(code)
    if name is not None:
        slices[name] = [slices[name], len(code)]
    return text, code, slices


def symbol(path):
    text, code, slices = parsed(path.read_text(encoding="utf-8"))
    return {
        "kind": {"identifier": "swift.snippet", "displayName": "Snippet"},
        "identifier": {"precise": f"$snippet__pixnerd.{path.stem}", "interfaceLanguage": "swift"},
        "pathComponents": ["Snippets", path.stem],
        "names": {"title": path.stem},
        "docComment": {"lines": [{"text": line} for line in text]},
        "snippet": {"language": "swift", "lines": code, "slices": slices},
        "accessLevel": "public",
    }


graph = {
    "metadata": {"formatVersion": {"major": 0, "minor": 1, "patch": 0}, "generator": "snippet_graph.py"},
    "module": {"name": "pixnerd", "platform": {}, "isVirtual": True},
    "symbols": [symbol(path) for path in sorted((ROOT / "Snippets").glob("*.swift"))],
    "relationships": [],
}
(pathlib.Path(sys.argv[1]) / "pixnerd-snippets.symbols.json").write_text(json.dumps(graph), encoding="utf-8")
