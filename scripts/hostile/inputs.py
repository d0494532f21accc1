"""Hostile inputs: values of keys and options, and files whose bytes and structure are changed.

Everything is drawn from a `random.Random`, so a seed gives the same input again.
"""

import io
import json
import struct
import zipfile
import zlib

NUMBERS = [
    0, -1, 1, 2, 7, 65, 255, 4096, 65536, 2**31 - 1, 2**31, -(2**31), 2**32, 2**32 + 1, 2**53, 2**61, 2**62, 2**63 - 1,
    2**63, -(2**63), 2**64 - 1, 2**64, 10**30, 3037000500,
]
FLOATS = ["nan", "inf", "-inf", "1e308", "-1e308", "1e-320", "1e39", "0.0", "-0.0", "0.5", "1e400", "0x10", "1_000", "٣"]
TEXTS = [
    "", " ", "null", "~", "~/x", "~nobody/x", "True", "yes", "[]", "{}", "[1, 2]", "[", "a,b", "1,,2", ",", "'", '"', "é",
    "e\u0301", "..", "/", ".", "-", "--", "a b", "\\", "%s%n", "$(x)", "x" * 300, "x" * 5000, "\ufeff", "🙂", "1x", "16x",
    "x16", "16x16x16", "0x0", "*", "<<", "&a", "!!int 3", "\t", "a\nb", "missing/file", "shapes", "runs/tiny",
]


def number(random):
    value = random.choice(NUMBERS)
    return value + random.choice([0, 0, 0, 1, -1])


def value(random):
    kind = random.random()
    if kind < 0.5:
        return str(number(random))
    if kind < 0.65:
        return random.choice(FLOATS)
    if kind < 0.72:
        return ",".join(str(number(random)) for _ in range(random.randint(1, 4)))
    if kind < 0.78:
        return f"{number(random)}x{number(random)}"
    return random.choice(TEXTS)


def changed_bytes(random, data):
    """Some bytes changed, or a part cut, doubled or replaced."""
    data = bytearray(data)
    kind = random.random()
    if kind < 0.5:
        for _ in range(random.choice([1, 1, 2, 8, 64])):
            if data:
                data[random.randrange(min(len(data), random.choice([64, 512, len(data)]) or 1))] = random.randrange(256)
    elif kind < 0.65:
        del data[random.randrange(len(data) + 1):]
    elif kind < 0.75:
        start = random.randrange(len(data) + 1)
        del data[start : start + random.randrange(1, 64)]
    elif kind < 0.85:
        start = random.randrange(len(data) + 1)
        data[start:start] = data[start : start + random.randrange(1, 512)]
    else:
        start = random.randrange(max(1, len(data) - 8))
        data[start : start + 8] = struct.pack(random.choice("<>") + "Q", number(random) % 2**64)
    return bytes(data)


def changed_json(random, item):
    """A value of JSON with one of its parts replaced."""
    replacements = [number(random), value(random), None, True, [], {}, [number(random)] * 3, -1.5, 1e300]
    if random.random() < 0.2 or not isinstance(item, (dict, list)) or not item:
        return random.choice(replacements)
    key = random.choice(list(item) if isinstance(item, dict) else range(len(item)))
    copy = item.copy()
    if isinstance(item, dict) and random.random() < 0.1:
        copy[value(random)] = copy.pop(key)
    else:
        copy[key] = changed_json(random, item[key])
    return copy


def header(data):
    """The header of a safetensors file."""
    return json.loads(data[8 : 8 + struct.unpack("<Q", data[:8])[0]])


def safetensors(random, data):
    """A safetensors file with a changed header, a changed name, or changed bytes."""
    if random.random() < 0.3:
        return changed_bytes(random, data)
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    names = [name for name in header if name != "__metadata__"]
    for _ in range(random.choice([1, 1, 1, 3])):
        name = random.choice(names)
        kind = random.random()
        if kind < 0.35 and isinstance(header[name], dict):
            header[name]["shape"] = [number(random) for _ in range(random.randint(0, 5))]
        elif kind < 0.55:
            header[name] = changed_json(random, header[name])
        elif kind < 0.75:
            parts = name.split(".")
            parts[random.randrange(len(parts))] = random.choice([str(number(random)), value(random)])
            header[".".join(parts)] = header.pop(name)
            names = [name for name in header if name != "__metadata__"]
        elif kind < 0.9:
            header["__metadata__"] = changed_json(random, header.get("__metadata__", {"classes": "[]"}))
        else:
            del header[name]
            names.remove(name)
    text = json.dumps(header, ensure_ascii=random.random() < 0.5).encode("utf-8", "surrogatepass")
    count = len(text) if random.random() < 0.95 else number(random) % 2**64
    return struct.pack("<Q", count) + text + data[8 + length :]


def zipped(random, data):
    """A zip file (of PyTorch or numpy) with a changed member, or changed bytes."""
    if random.random() < 0.35:
        return changed_bytes(random, data)
    source, target = zipfile.ZipFile(io.BytesIO(data)), io.BytesIO()
    chosen = random.choice(source.namelist())
    with zipfile.ZipFile(target, "w", random.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])) as out:
        for name in source.namelist():
            content = source.read(name)
            if name == chosen or (name.endswith("data.pkl") and random.random() < 0.7):
                if random.random() < 0.1:
                    continue
                content = npy(random, content) if name.endswith(".npy") else changed_bytes(random, content)
            out.writestr(name, content)
    return target.getvalue()


def npy(random, data):
    """An array with a changed header."""
    if random.random() < 0.3 or not data.startswith(b"\x93NUMPY\x01"):
        return changed_bytes(random, data)
    length = struct.unpack("<H", data[8:10])[0]
    shape = tuple(number(random) for _ in range(random.randint(0, 5)))
    descr = random.choice(["|u1", "<f4", "<f8", ">i8", "<i4", "|O", "<U9", "|b1", "<c16", "", "|V99999999999"])
    header = f"{{'descr': '{descr}', 'fortran_order': {random.choice([True, False])}, 'shape': {shape}, }}"
    if random.random() < 0.3:
        header = changed_bytes(random, header.encode()).decode("latin-1")
    text = header.encode("latin-1", "replace")[:60000] + b"\n"
    return data[:8] + struct.pack("<H", len(text)) + text + data[10 + length :]


def tar(random, data):
    """A tar file with changed numbers in its headers; checksums are put right, so that they are read."""
    data = bytearray(data)
    for _ in range(random.choice([1, 1, 2])):
        at = 512 * random.randrange(max(1, len(data) // 512))
        block = data[at : at + 512]
        if len(block) < 512:
            continue
        start, size = random.choice([(100, 8), (124, 12), (124, 12), (136, 12), (156, 1), (0, 100), (345, 155), (257, 8)])
        field = random.choice([
            b"%o" % (abs(number(random)) % 8 ** max(1, size - 1)), b"-777", b"+1", b"7" * size, b" " * size,
            b"\x80" + struct.pack(">Q", number(random) % 2**64).rjust(size - 1, b"\0"), b"\xff" * size, b"x", b"L", b"g", b"K",
        ])
        block[start : start + size] = field[:size].ljust(size, random.choice([b"\0", b" "]))
        block[148:156] = b" " * 8
        block[148:156] = b"%06o\0 " % sum(block)
        data[at : at + 512] = block
    return bytes(data) if random.random() < 0.8 else changed_bytes(random, data)


def png(random, data):
    """A PNG with changed chunks; their checksums are put right, so that they are read."""
    if random.random() < 0.3:
        return changed_bytes(random, data)
    chunks, at = [], 8
    while at + 12 <= len(data):
        size = struct.unpack(">I", data[at : at + 4])[0]
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += 12 + size
    place = random.randrange(len(chunks)) if random.random() < 0.5 else 0
    kind, content = chunks[place]
    if kind == b"IHDR" and random.random() < 0.7:
        sides = struct.pack(">II", *(random.choice([0, 1, 16, 2**14, 2**15, 2**16, 2**31 - 1, 2**32 - 1]) for _ in range(2)))
        content = sides + content[8:]
    else:
        content = changed_bytes(random, content)
    chunks[place] = (kind, content)
    if random.random() < 0.2:
        chunks.insert(random.randrange(len(chunks)), random.choice(chunks))
    return data[:8] + b"".join(
        struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in chunks)


def yaml(random, text):
    """A configuration with changed words or lines."""
    lines = text.split("\n")
    for _ in range(random.choice([1, 1, 2, 4])):
        place = random.randrange(len(lines))
        kind = random.random()
        if kind < 0.55 and ":" in lines[place]:
            key = lines[place].split(":")[0]
            lines[place] = f"{key}: {value(random)}"
        elif kind < 0.65:
            lines.insert(place, random.choice(lines))
        elif kind < 0.75:
            lines[place] = " " * random.randrange(6) + lines[place].strip()
        elif kind < 0.85:
            lines[place] = f"{value(random)}: {value(random)}"
        else:
            lines[place] = changed_bytes(random, lines[place].encode() or b"x").decode("utf-8", "replace")
    return "\n".join(lines)
