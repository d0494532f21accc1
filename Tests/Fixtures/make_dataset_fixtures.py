"""Lets Python's zipfile and csv write data sets in the layouts of other programs, and what is in them.

Pictures are grey squares whose level tells them apart, written by Pillow. `expected.json` has, for each data set, the
names of its pictures with their classes, as EDM's dataset and Hugging Face's ImageFolder would give them.
"""

import csv
import io
import json
import os
import shutil
import zipfile

from PIL import Image

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "datasets")
TIME = (2024, 1, 1, 0, 0, 0)


def picture(level, kind="png"):
    data = io.BytesIO()
    Image.new("RGB", (4, 4), (level,) * 3).save(data, kind)
    return data.getvalue()


def archive(path, files, method=zipfile.ZIP_STORED, **options):
    with zipfile.ZipFile(os.path.join(HERE, path), "w") as out:
        for name, content in files:
            info = zipfile.ZipInfo(name, TIME)
            info.compress_type = method
            with out.open(info, "w", **options) as entry:
                entry.write(content)


class Pipe(io.RawIOBase):
    """A stream that cannot be wound back, so that zipfile writes sizes behind the data, in descriptors."""

    def __init__(self):
        self.data = b""

    def writable(self):
        return True

    def write(self, data):
        self.data += bytes(data)
        return len(data)


def main():
    shutil.rmtree(HERE, ignore_errors=True)
    os.makedirs(HERE)
    # As EDM's and StyleGAN's dataset_tool.py name them.
    names = [f"{number // 3:05d}/img{number:08d}.png" for number in range(6)]
    labels = [3, 0, 1, 3, 1, 0]
    pictures = [(name, picture(10 * number)) for number, name in enumerate(names)]

    def listed(labels):
        return ("dataset.json", json.dumps({"labels": labels}).encode())

    pairs = [[name, label] for name, label in zip(names, labels)]
    archive("edm.zip", pictures + [listed(pairs)])
    archive("edm-unlabelled.zip", pictures + [listed(None)])
    archive("zip64.zip", pictures + [listed(pairs)], force_zip64=True)
    archive("deflated.zip", pictures + [listed(pairs)], zipfile.ZIP_DEFLATED)
    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w") as out:
        for name, content in pictures + [listed(pairs)]:
            out.writestr(zipfile.ZipInfo(name, TIME), content)
    with open(os.path.join(HERE, "descriptors.zip"), "wb") as file:
        file.write(pipe.data)
    # As `zip -r -0 animals.zip animals` and Finder write them, with a folder around everything.
    around = [("animals/", b""), ("animals/dog/", b"")]
    inside = [("animals/dog/2.png", picture(20)), ("animals/cat/a/1.jpg", picture(10, "jpeg")), ("animals/cat/3.png", picture(30))]
    archive("wrapped.zip", around + inside + [("__MACOSX/animals/dog/._2.png", b"x"), ("animals/.DS_Store", b"x")])
    archive("flat.zip", [("b.png", picture(20)), ("a.png", picture(10)), ("notes.md", b"x")])

    # Hugging Face's ImageFolder: labels by name in JSON lines, and by number in comma-separated values.
    for folder in ["names", "numbers"]:
        os.makedirs(os.path.join(HERE, folder, "deep"))
        for number, name in enumerate(["1.png", "2.png", "deep/3.png", "deep/4.png"]):
            with open(os.path.join(HERE, folder, name), "wb") as file:
                file.write(picture(10 * number))
    rows = [("deep/3.png", "tabby, cat", 2), ("1.png", "dog", 0), ("deep/4.png", "Zebra", 2), ("2.png", "dog", 0)]
    with open(os.path.join(HERE, "names", "metadata.jsonl"), "w") as file:
        for name, label, _ in rows:
            file.write(json.dumps({"file_name": name, "label": label, "text": f"a {label}"}) + "\n")
    with open(os.path.join(HERE, "numbers", "metadata.csv"), "w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["file_name", "size", "label"])
        for name, label, number in rows:
            out.writerow([name, "big, or small", number])

    edm = {"classes": ["0", "1", "2", "3"], "labels": dict(sorted(zip(names, labels)))}
    named = sorted({label for _, label, _ in rows})
    expected = {
        "edm.zip": edm, "zip64.zip": edm, "descriptors.zip": edm,
        "edm-unlabelled.zip": {"classes": ["edm-unlabelled"], "labels": {name: 0 for name in names}},
        "wrapped.zip": {"classes": ["cat", "dog"], "labels": {"animals/cat/3.png": 0, "animals/cat/a/1.jpg": 0, "animals/dog/2.png": 1}},
        "flat.zip": {"classes": ["flat"], "labels": {"a.png": 0, "b.png": 0}},
        "names": {"classes": named, "labels": {name: named.index(label) for name, label, _ in sorted(rows)}},
        "numbers": {"classes": ["0", "1", "2"], "labels": {name: number for name, _, number in sorted(rows)}},
    }
    with open(os.path.join(HERE, "expected.json"), "w") as file:
        json.dump(expected, file, indent=1)


if __name__ == "__main__":
    main()
