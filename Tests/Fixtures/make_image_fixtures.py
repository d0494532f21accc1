"""Makes Tests/Fixtures/images: small picture files and what Pillow reads from them, and checksums of pictures that
Pillow has resampled. Run from anywhere: python3 Tests/Fixtures/make_image_fixtures.py

Needs Pillow 13 or later, whose order of passes differs from that of 3 to 12, and numpy. Everything follows from the formulas below, so a rerun with the same Pillow changes nothing;
the versions used are recorded in versions.json.
"""

import io
import json
import math
import pathlib
import struct
import tarfile
import zlib

import numpy as np
import PIL
from PIL import Image, features

HERE = pathlib.Path(__file__).parent / "images"


def pattern(width, height, kind):
    """The synthetic picture that ImagesTests/SyntheticPicture.swift also makes: kind 0 noise, 1 smooth with edges."""
    x = np.arange(width, dtype=np.uint32)[None, :, None]
    y = np.arange(height, dtype=np.uint32)[:, None, None]
    c = np.arange(3, dtype=np.uint32)[None, None, :]
    if kind == 0:
        value = x * np.uint32(2654435761) + y * np.uint32(2246822519) + c * np.uint32(3266489917)
        value = (value ^ (value >> np.uint32(15))) * np.uint32(668265263)
        return (value >> np.uint32(24)).astype(np.uint8)
    ramp = (x * (c + np.uint32(2)) + y * (np.uint32(5) - c)) & np.uint32(255)
    edges = np.where(((x // np.uint32(7)) + (y // np.uint32(5))) % np.uint32(3) == 0, np.uint32(255), ramp)
    return np.where((x * y + c) % np.uint32(11) == 0, np.uint32(0), edges).astype(np.uint8)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def pack_rows(samples, depth):
    """Filter type 0 rows of samples [height, width * channels] at a bit depth."""
    rows = b""
    for row in samples:
        if depth == 16:
            data = row.astype(">u2").tobytes()
        elif depth == 8:
            data = row.astype(np.uint8).tobytes()
        else:
            bits = "".join(format(int(value), f"0{depth}b") for value in row)
            bits += "0" * (-len(bits) % 8)
            data = int(bits, 2).to_bytes(len(bits) // 8, "big") if bits else b""
        rows += b"\0" + data
    return rows


def png(samples, depth, color_type, extra=b"", interlaced=False, size=None):
    """A PNG file of samples [height, width, channels]; Pillow itself cannot write all of these kinds."""
    height, width, channels = samples.shape
    if interlaced:
        passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
        parts = [samples[y::dy, x::dx] for x, y, dx, dy in passes]
    else:
        parts = [samples]
    data = b"".join(pack_rows(p.reshape(p.shape[0], -1), depth) for p in parts if p.size)
    shown_width, shown_height = size or (width, height)
    header = struct.pack(">IIBBBBB", shown_width, shown_height, depth, color_type, 0, 0, int(interlaced))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + extra
        + chunk(b"IDAT", zlib.compress(data, 9))
        + chunk(b"IEND", b"")
    )


def png_files():
    picture = pattern(13, 11, 1)
    wide = pattern(13, 11, 0).astype(np.uint32) * 256 + pattern(13, 11, 1)
    alpha = pattern(13, 11, 0)[:, :, :1]
    for depth in (1, 2, 4, 8):
        grey = picture[:, :, :1] >> (8 - depth)
        yield f"grey{depth}.png", png(grey, depth, 0)
        palette = chunk(b"PLTE", pattern(2**depth, 1, 0).tobytes())
        yield f"palette{depth}.png", png(grey, depth, 3, palette)
        transparency = chunk(b"tRNS", bytes((i * 97) % 256 for i in range(2**depth)))
        yield f"palette{depth}-transparent.png", png(grey, depth, 3, palette + transparency)
    yield "grey8-transparent.png", png(picture[:, :, :1], 8, 0, chunk(b"tRNS", struct.pack(">H", 255)))
    yield "grey8-alpha.png", png(np.concatenate([picture[:, :, :1], alpha], 2), 8, 4)
    yield "grey16.png", png(wide[:, :, :1], 16, 0)
    yield "grey16-alpha.png", png(wide[:, :, :2], 16, 4)
    yield "rgb8.png", png(picture, 8, 2)
    yield "rgb8-gamma.png", png(picture, 8, 2, chunk(b"gAMA", struct.pack(">I", 100000)))
    yield "rgb8-transparent.png", png(picture, 8, 2, chunk(b"tRNS", struct.pack(">HHH", 255, 255, 255)))
    yield "rgb8-interlaced.png", png(picture, 8, 2, interlaced=True)
    yield "palette4-interlaced.png", png(
        picture[:, :, :1] >> 4, 4, 3, chunk(b"PLTE", pattern(16, 1, 0).tobytes()), interlaced=True
    )
    yield "rgb16.png", png(wide, 16, 2)
    yield "rgba8.png", png(np.concatenate([picture, alpha], 2), 8, 6)
    yield "rgba16.png", png(np.concatenate([wide, wide[:, :, :1]], 2), 16, 6)
    yield "one-pixel.png", png(picture[:1, :1], 8, 2)
    yield "a-png.JPEG", png(picture, 8, 2)


def jpeg(image, **options):
    data = io.BytesIO()
    image.save(data, "JPEG", **options)
    return data.getvalue()


def jpeg_with_sampling(luma, blocks_wide, blocks_high):
    """A colour JPEG of flat blocks with any luma sampling factors; chroma has one block per unit.

    One Huffman code per size of difference (four bits each) and one for "rest is zero" (one bit).
    """
    across, down = luma
    units_wide, units_high = -(-blocks_wide // across), -(-blocks_high // down)
    bits = ""
    predicted = [0, 0, 0]
    for unit in range(units_wide * units_high):
        for component in range(3):
            for block in range(across * down if component == 0 else 1):
                value = (unit * 37 + block * 53 + component * 71) % 121 - 60
                difference = value - predicted[component]
                predicted[component] = value
                size = abs(difference).bit_length()
                bits += format(size, "04b")
                if size:
                    bits += format(difference if difference > 0 else difference + (1 << size) - 1, f"0{size}b")
                bits += "0"
    bits += "1" * (-len(bits) % 8)
    data = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")

    def segment(marker, body):
        return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body

    frame = struct.pack(">BHHB", 8, blocks_high * 8 - 3, blocks_wide * 8 - 5, 3)
    frame += bytes([1, across * 16 + down, 0, 2, 0x11, 0, 3, 0x11, 0])
    return (
        b"\xff\xd8"
        + segment(0xDB, bytes([0]) + bytes([8] * 64))
        + segment(0xC0, frame)
        + segment(0xC4, bytes([0x00, 0, 0, 0, 9] + [0] * 12) + bytes(range(9)))
        + segment(0xC4, bytes([0x10, 1] + [0] * 15) + bytes([0]))
        + segment(0xDA, bytes([3, 1, 0, 2, 0, 3, 0, 0, 63, 0]))
        + data
        + b"\xff\xd9"
    )


def jpeg_files():
    picture = Image.fromarray(pattern(29, 23, 1))
    yield "grey.jpg", jpeg(picture.convert("L"), quality=85)
    for name, sampling in (("444", 0), ("422", 1), ("420", 2)):
        yield f"colour{name}.jpg", jpeg(picture, quality=85, subsampling=sampling)
    yield "progressive.jpg", jpeg(picture, quality=85, progressive=True)
    yield "restarts.jpg", jpeg(picture, quality=85, restart_marker_blocks=1)
    yield "rgb.jpg", jpeg(picture, quality=85, keep_rgb=True)
    inks = Image.fromarray(np.concatenate([pattern(29, 23, 1), pattern(29, 23, 0)[:, :, :1] // 2], 2), "CMYK")
    cmyk = jpeg(inks, quality=85)
    yield "cmyk.jpg", cmyk
    # The same bytes read as YCCK: the last byte of Adobe's segment says how colours are transformed.
    adobe = cmyk.index(b"Adobe")
    yield "ycck.jpg", cmyk[: adobe + 11] + b"\x02" + cmyk[adobe + 12 :]
    # A thumbnail in the metadata has an end marker of its own, and rotation is not applied.
    thumbnail = Image.Exif()
    thumbnail[0x0112] = 6
    yield "exif.jpg", jpeg(picture, quality=85, exif=thumbnail.tobytes() + jpeg(picture.resize((8, 8)), quality=30))
    yield "trailing-bytes.jpg", jpeg(picture, quality=85) + b"something after the end"
    yield "one-pixel.jpg", jpeg(picture.crop((0, 0, 1, 1)), quality=85)
    yield "sampling31.jpg", jpeg_with_sampling((3, 1), 6, 4)
    yield "sampling14.jpg", jpeg_with_sampling((1, 4), 4, 8)


def expected(name, data):
    if name == "grey16.png":
        # Pillow clips 16-bit grey to white; here its high byte is kept, as of 16-bit colour.
        grey = (pattern(13, 11, 0)[:, :, :1]).astype(np.uint8)
        return np.repeat(grey, 3, 2)
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def broken_files():
    picture = pattern(13, 11, 1)
    good = png(picture, 8, 2)
    yield "bad-checksum.png", good[:-20] + bytes([good[-20] ^ 1]) + good[-19:]
    yield "absurd-size.png", png(picture, 8, 2, size=(65535, 65535))
    yield "zero-size.png", png(picture, 8, 2, size=(0, 11))
    data = jpeg(Image.fromarray(picture), quality=85)
    frame = data.index(b"\xff\xc0")
    yield "absurd-size.jpg", data[: frame + 5] + struct.pack(">HH", 65000, 65000) + data[frame + 9 :]
    yield "two-components.jpg", data[: frame + 9] + b"\x02" + data[frame + 10 :]
    yield "a-gif.jpg", (lambda b: (Image.fromarray(picture).save(b, "GIF"), b.getvalue())[1])(io.BytesIO())
    yield "text.png", b"<html>404 Not Found</html>\n"
    yield "empty.jpg", b""


def adm_center_crop(image, size):
    """The published procedure, written out."""
    while min(image.size) >= 2 * size:
        image = image.resize((image.size[0] // 2, image.size[1] // 2), Image.Resampling.BOX)
    scale = size / min(image.size)
    new_size = (round(image.size[0] * scale), round(image.size[1] * scale))
    image = image.resize(new_size, Image.Resampling.BICUBIC)
    left, top = (image.size[0] - size) // 2, (image.size[1] - size) // 2
    return np.asarray(image)[top : top + size, left : left + size]


FILTERS = {
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def resampling():
    sizes = [(500, 375, 341, 256), (37, 53, 64, 91), (64, 64, 32, 32), (31, 17, 1, 1), (1, 1, 9, 5), (3, 200, 5, 7),
             (200, 2, 17, 2), (33, 33, 33, 20), (33, 33, 20, 33), (101, 99, 50, 49), (7, 9, 7, 9), (90, 5, 11, 64),
             # Both sides of the border beyond which Pillow 13 begins with the columns: twice as many rows lost.
             (60, 90, 50, 70), (60, 91, 50, 70), (60, 89, 50, 70), (40, 90, 50, 89), (40, 90, 50, 91), (17, 300, 9, 11)]
    for i, (width, height, new_width, new_height) in enumerate(sizes):
        for name, kernel in FILTERS.items():
            image = Image.fromarray(pattern(width, height, i % 2)).resize((new_width, new_height), kernel)
            yield {"width": width, "height": height, "kind": i % 2, "newWidth": new_width, "newHeight": new_height,
                   "filter": name, "crc": zlib.crc32(np.asarray(image).tobytes())}


def crops():
    sizes = [(500, 375), (375, 500), (333, 500), (256, 256), (257, 256), (256, 257), (512, 512), (513, 512), (511, 640),
             (1100, 600), (1025, 1030), (64, 64), (32, 32), (33, 32), (31, 31), (17, 5), (5, 17), (3, 3), (1, 1),
             (1, 40), (40, 1), (900, 33), (2, 700), (127, 129), (200, 201),
             (300, 900), (110, 1000), (70, 3000)]
    for i, (width, height) in enumerate(sizes):
        for size in (32, 64) if max(width, height) < 600 and i % 3 else (256,) if min(width, height) > 100 else (32, 48):
            image = adm_center_crop(Image.fromarray(pattern(width, height, i % 2)), size)
            yield {"width": width, "height": height, "kind": i % 2, "size": size, "crc": zlib.crc32(image.tobytes())}


class RandomStream:
    """The numbers of Sources/PixNerdTensors/Random/RandomStream.swift: Philox4x32-10, whose vectors operators/philox.json holds."""

    def __init__(self, seed, purpose, step, index):
        self.key = [seed & 0xFFFFFFFF, seed >> 32]
        self.counter = [0, index, step, purpose]
        self.words = []

    def word(self):
        if not self.words:
            c, k = list(self.counter), list(self.key)
            for _ in range(10):
                p, q = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
                c = [(q >> 32) ^ c[1] ^ k[0], q & 0xFFFFFFFF, (p >> 32) ^ c[3] ^ k[1], p & 0xFFFFFFFF]
                k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
            self.words = c
            self.counter[0] += 1
        return self.words.pop(0)

    def uniform(self, low=0.0, high=1.0):
        """Single precision, as torch.Tensor.uniform_ scales it."""
        low, high = np.float32(low), np.float32(high)
        return np.float32(self.word() >> 8) * np.float32(2**-24) * (high - low) + low

    def below(self, bound):
        threshold = 2**32 % bound
        while True:
            product = self.word() * bound
            if product & 0xFFFFFFFF >= threshold:
                return product >> 32


def adm_random_crop(image, size, random, smallest_part=0.8, largest_part=1.0):
    """guided-diffusion's second crop: the shorter side a little longer than needed, then a square anywhere."""
    least, most = math.ceil(size / largest_part), math.ceil(size / smallest_part)
    shorter = least + random.below(most - least + 1)
    while min(image.size) >= 2 * shorter:
        image = image.resize((image.size[0] // 2, image.size[1] // 2), Image.Resampling.BOX)
    scale = shorter / min(image.size)
    image = image.resize(tuple(round(side * scale) for side in image.size), Image.Resampling.BICUBIC)
    top = random.below(image.size[1] - size + 1)
    left = random.below(image.size[0] - size + 1)
    return image.crop((left, top, left + size, top + size))


def random_resized_crop(image, size, random, scale=(0.08, 1.0), ratio=(3 / 4, 4 / 3)):
    """torchvision's RandomResizedCrop, its draws replaced by ours.

    The choice of the part was compared with get_params of torchvision 0.28 on 20,000 draws, with torch's random
    functions replaced in the same way.
    """
    width, height = image.size
    part = None
    logs = [np.log(np.float32(r)) for r in ratio]
    for _ in range(10):
        area = width * height * float(random.uniform(*scale))
        shape = float(np.exp(random.uniform(*logs)))
        w, h = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
        if 0 < w <= width and 0 < h <= height:
            top = random.below(height - h + 1)
            left = random.below(width - w + 1)
            part = (left, top, left + w, top + h)
            break
    if part is None:
        w, h = width, height
        if width / height < ratio[0]:
            h = round(w / ratio[0])
        elif width / height > ratio[1]:
            w = round(h * ratio[1])
        left, top = (width - w) // 2, (height - h) // 2
        part = (left, top, left + w, top + h)
    return image.crop(part).resize(size if isinstance(size, tuple) else (size, size), Image.Resampling.BICUBIC)


def transforms():
    sizes = [(500, 375), (101, 77), (33, 200), (47, 46), (300, 20), (64, 64), (32, 32), (31, 40), (150, 500), (600, 41)]
    for i, (width, height) in enumerate(sizes):
        for mode in ("center", "random", "resized"):
            for epoch in range(4):
                size = 32 if i % 2 else 48
                seed, index, flip = 7 + (i << 33), 1000 * i + 3, epoch > 0
                random = RandomStream(seed, 9, epoch, index)
                image = Image.fromarray(pattern(width, height, i % 2))
                if mode == "center":
                    image = Image.fromarray(adm_center_crop(image, size))
                elif mode == "random":
                    image = adm_random_crop(image, size, random)
                else:
                    image = random_resized_crop(image, size, random)
                if flip and random.uniform() < 0.5:
                    image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
                yield {"width": width, "height": height, "kind": i % 2, "mode": mode, "flip": flip, "seed": seed,
                       "epoch": epoch, "index": index, "size": size, "crc": zlib.crc32(image.tobytes())}


def covering_crop(image, size, enlarged, place):
    """The crop of guided-diffusion for any shape: scaled until it covers `enlarged`, then a part of `size` is taken."""
    while image.size[0] >= 2 * enlarged[0] and image.size[1] >= 2 * enlarged[1]:
        image = image.resize((image.size[0] // 2, image.size[1] // 2), Image.Resampling.BOX)
    scale = max(enlarged[0] / image.size[0], enlarged[1] / image.size[1])
    new_size = tuple(max(least, round(side * scale)) for side, least in zip(image.size, size))
    image = image.resize(new_size, Image.Resampling.BICUBIC)
    top = place(new_size[1] - size[1])
    left = place(new_size[0] - size[0])
    return image.crop((left, top, left + size[0], top + size[1]))


def whole_image(image, size):
    """The whole image in the middle of a size, with grey around it, and (top, left, rows, columns) of the image."""
    scale = min(size[0] / image.size[0], size[1] / image.size[1])
    inner = tuple(min(max(round(side * scale), 1), most) for side, most in zip(image.size, size))
    while image.size[0] >= 2 * inner[0] and image.size[1] >= 2 * inner[1]:
        image = image.resize((image.size[0] // 2, image.size[1] // 2), Image.Resampling.BOX)
    left, top = ((outer - side) // 2 for outer, side in zip(size, inner))
    padded = Image.new("RGB", size, (128, 128, 128))
    padded.paste(image.resize(inner, Image.Resampling.BICUBIC), (left, top))
    return padded, [top, left, inner[1], inner[0]]


def rectangles():
    sizes = [(500, 375), (101, 77), (33, 200), (47, 46), (300, 20), (64, 40), (31, 90), (150, 500), (40, 64), (96, 64)]
    for i, (width, height) in enumerate(sizes):
        for mode in ("center", "random", "resized", "none"):
            for epoch, size in enumerate([(40, 64), (64, 40), (96, 32)]):
                seed, index = 11 + (i << 33), 100 * i + 5
                random = RandomStream(seed, 9, epoch, index)
                image = Image.fromarray(pattern(width, height, i % 2))
                area = [0, 0, size[1], size[0]]
                if mode == "center":
                    image = covering_crop(image, size, size, lambda rest: rest // 2)
                elif mode == "random":
                    shorter = min(size)
                    least, most = math.ceil(shorter), math.ceil(shorter / 0.8)
                    drawn = least + random.below(most - least + 1)
                    enlarged = tuple(side * drawn / shorter for side in size)
                    image = covering_crop(image, size, enlarged, lambda rest: random.below(rest + 1))
                elif mode == "resized":
                    shape = size[0] / size[1]
                    image = random_resized_crop(image, size, random, ratio=(3 / 4 * shape, 4 / 3 * shape))
                else:
                    image, area = whole_image(image, size)
                yield {"width": width, "height": height, "kind": i % 2, "mode": mode, "seed": seed, "epoch": epoch,
                       "index": index, "columns": size[0], "rows": size[1], "area": area,
                       "crc": zlib.crc32(image.tobytes())}


def varied_pictures():
    """Fifty small picture files of many sizes and kinds: (name, file)."""
    sizes = [(2, 2), (2, 37), (41, 3), (17, 29), (33, 47), (64, 65), (31, 32), (77, 40), (23, 81), (66, 65)]
    for i in range(50):
        width, height = sizes[i % 10]
        width, height = width + i // 10, height + 2 * (i // 10)
        picture = pattern(width, height, 1)
        wide = picture.astype(np.uint32) * 257 ^ 0x5A
        alpha = 255 - picture[:, :, :1]
        palette = chunk(b"PLTE", pattern(16, 1, 0).tobytes())
        image = Image.fromarray(picture)
        inks = Image.fromarray(np.concatenate([picture, alpha // 2], 2), "CMYK")
        kinds = [
            ("png", lambda: png(picture[:, :, :1], 8, 0)),
            ("png", lambda: png(picture[:, :, :1] >> 4, 4, 3, palette)),
            ("jpg", lambda: jpeg(image, quality=80)),
            ("png", lambda: png(wide[:, :, :], 16, 2)),
            ("jpg", lambda: jpeg(inks, quality=85)),
            ("png", lambda: png(np.concatenate([picture, alpha], 2), 8, 6, interlaced=True)),
            ("jpeg", lambda: jpeg(image.convert("L"), quality=90, progressive=True)),
            ("png", lambda: png(wide[:, :, :1], 16, 0)),
            ("png", lambda: png(picture, 8, 2)),
            ("jpg", lambda: jpeg(image, quality=92, subsampling=i % 3)),
            ("png", lambda: png(picture[:, :, :1] >> 7, 1, 0)),
            ("png", lambda: png(np.concatenate([picture[:, :, :1], alpha], 2), 8, 4)),
            ("png", lambda: png(picture[:, :, :1] >> 6, 2, 3, palette + chunk(b"tRNS", b"\0\x80"))),
        ]
        ending, make = kinds[i % len(kinds)]
        yield f"{i:02}.{ending}", make()


def pillow_pixels(data):
    image = Image.open(io.BytesIO(data))
    if image.mode == "P":
        # convert() warns about a palette with transparency, which it drops as wanted.
        image.info.pop("transparency", None)
    if image.mode.startswith("I"):
        # 16-bit grey: Pillow clips to white or scales, depending on its version; here its high byte is kept.
        grey = (np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, 2)
    return np.asarray(image.convert("RGB"))


def tar_of(files, kind=tarfile.USTAR_FORMAT):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=kind) as archive:
        for name, content in files:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return data.getvalue()


def write_varied():
    """varied.tar, a shard of the fifty pictures; what Pillow decoded from the JPEGs, as PNG beside them; and checksums
    of what Pillow crops from its own pixels."""
    files, crops = [], []
    for i, (name, data) in enumerate(varied_pictures()):
        pixels = pillow_pixels(data)
        files.append((f"{i:02}.cls", str(i % 7).encode()))
        if not name.endswith("png"):
            plain = io.BytesIO()
            Image.fromarray(pixels).save(plain, "PNG", optimize=True)
            files.append((f"{i:02}.pillow.png", plain.getvalue()))
        files.append((name, data))
        for size in (32, 24):
            crop = adm_center_crop(Image.fromarray(pixels), size)
            crops.append({"name": name, "label": i % 7, "width": pixels.shape[1], "height": pixels.shape[0],
                          "size": size, "crc": zlib.crc32(crop.tobytes())})
    (HERE / "varied.tar").write_bytes(tar_of(files))
    write_json("varied.json", crops)


def write_json(name, value):
    lines = ",\n".join(json.dumps(item) for item in value)
    (HERE / name).write_text(f"[\n{lines}\n]\n")


def write_large():
    """large.tar, a shard of JPEGs that are several times larger than the crops made from them."""
    files = []
    for i, (width, height) in enumerate([(400, 301), (323, 511), (260, 340)]):
        x, y, c = np.arange(width)[None, :, None], np.arange(height)[:, None, None], np.arange(3)[None, None, :]
        waves = 127 + 80 * np.sin(x / (17 + 5 * c) + i) * np.cos(y / (23 - 4 * c)) + 40 * (x > y)
        image = Image.fromarray(waves.clip(0, 255).astype(np.uint8))
        if i == 2:
            image = image.convert("CMYK")
        files += [(f"{i}.cls", b"0"), (f"{i}.jpg", jpeg(image, quality=85))]
    (HERE / "large.tar").write_bytes(tar_of(files))


def write_long_names():
    """The same two samples with names longer than a header holds, as GNU's tar and as pax write them."""
    picture = png(pattern(5, 4, 1), 8, 2)
    folder = "a-folder-with-a-name-of-some-length/" * 4
    names = ["first", "\u00e9" * 40 + "-second-with-a-very-long-name-that-goes-on-and-on"]
    files = [(f"{folder}{name}.{kind}", data) for i, name in enumerate(names)
             for kind, data in (("cls", f" {i}\n".encode()), ("json", b"{}"), ("png", picture))]
    (HERE / "long-names-gnu.tar").write_bytes(tar_of(files, tarfile.GNU_FORMAT))
    (HERE / "long-names-pax.tar").write_bytes(tar_of(files, tarfile.PAX_FORMAT))


def main():
    HERE.mkdir(exist_ok=True)
    codecs = []
    for name, data in [*png_files(), *jpeg_files()]:
        pixels = expected(name, data)
        (HERE / name).write_bytes(data)
        (HERE / f"{name}.rgb").write_bytes(pixels.tobytes())
        codecs.append({"name": name, "width": pixels.shape[1], "height": pixels.shape[0]})
    write_json("codecs.json", codecs)
    for name, data in broken_files():
        (HERE / name).write_bytes(data)
    write_json("resampling.json", resampling())
    write_json("crops.json", crops())
    write_json("transforms.json", transforms())
    write_json("rectangles.json", rectangles())
    write_varied()
    write_large()
    write_long_names()
    # Whole results beside the checksums, to see where a picture differs.
    full = adm_center_crop(Image.fromarray(pattern(71, 53, 1)), 24)
    (HERE / "crop-71x53-to-24.rgb").write_bytes(full.tobytes())
    full = np.asarray(Image.fromarray(pattern(29, 23, 0)).resize((19, 31), Image.Resampling.BICUBIC))
    (HERE / "bicubic-29x23-to-19x31.rgb").write_bytes(full.tobytes())
    versions = {"pillow": PIL.__version__, "numpy": np.__version__,
                "libjpeg-turbo": features.version("libjpeg_turbo"), "zlib": features.version("zlib")}
    (HERE / "versions.json").write_text(json.dumps(versions, indent=2) + "\n")


if __name__ == "__main__":
    main()
