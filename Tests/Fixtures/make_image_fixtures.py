"""Makes Tests/Fixtures/images: small picture files and what Pillow reads from them, and checksums of pictures that
Pillow has resampled. Run from anywhere: python3 Tests/Fixtures/make_image_fixtures.py

Needs Pillow and numpy. Everything follows from the formulas below, so a rerun with the same Pillow changes nothing;
the versions used are recorded in versions.json.
"""

import io
import json
import pathlib
import struct
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


def resize(image, size, kernel):
    """Image.resize with the horizontal pass first, as Pillow 3 to 12 always do it.

    From version 13 on Pillow begins with the vertical pass where that is less work (pull request 9549), which rounds
    some pixels of tall pictures the other way; published models saw data from the older versions.
    """
    return image.resize((size[0], image.size[1]), kernel).resize(size, kernel)


def adm_center_crop(image, size):
    """The published procedure, written out."""
    while min(image.size) >= 2 * size:
        image = resize(image, (image.size[0] // 2, image.size[1] // 2), Image.Resampling.BOX)
    scale = size / min(image.size)
    new_size = (round(image.size[0] * scale), round(image.size[1] * scale))
    image = resize(image, new_size, Image.Resampling.BICUBIC)
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
             (200, 2, 17, 2), (33, 33, 33, 20), (33, 33, 20, 33), (101, 99, 50, 49), (7, 9, 7, 9), (90, 5, 11, 64)]
    for i, (width, height, new_width, new_height) in enumerate(sizes):
        for name, kernel in FILTERS.items():
            image = resize(Image.fromarray(pattern(width, height, i % 2)), (new_width, new_height), kernel)
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


def write_json(name, value):
    lines = ",\n".join(json.dumps(item) for item in value)
    (HERE / name).write_text(f"[\n{lines}\n]\n")


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
    # Whole results beside the checksums, to see where a picture differs.
    full = adm_center_crop(Image.fromarray(pattern(71, 53, 1)), 24)
    (HERE / "crop-71x53-to-24.rgb").write_bytes(full.tobytes())
    full = np.asarray(resize(Image.fromarray(pattern(29, 23, 0)), (19, 31), Image.Resampling.BICUBIC))
    (HERE / "bicubic-29x23-to-19x31.rgb").write_bytes(full.tobytes())
    versions = {"pillow": PIL.__version__, "numpy": np.__version__,
                "libjpeg-turbo": features.version("libjpeg_turbo"), "zlib": features.version("zlib")}
    (HERE / "versions.json").write_text(json.dumps(versions, indent=2) + "\n")


if __name__ == "__main__":
    main()
