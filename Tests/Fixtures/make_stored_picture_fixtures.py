"""Makes Tests/Fixtures/stored: small pictures of every kind that is read with all channels and bits (PNG, TIFF, WebP, BMP,
JPEG, NumPy), and the values that Pillow, tifffile and numpy read from them. Run from anywhere.

stored.json lists the files with width, height, channels, element type and whether the last channel is opacity; NAME.raw holds
the values, little-endian and interleaved. turned.json lists pictures with an EXIF orientation, whose .rgb files are what
Pillow's ImageOps.exif_transpose makes of them. resized.json lists float pictures that Pillow's mode F has resized.
"""

import json
import pathlib

import numpy as np
import tifffile
from PIL import Image, ImageCms, ImageOps

from make_image_fixtures import pattern, png

HERE = pathlib.Path(__file__).parent / "stored"
WIDTH, HEIGHT = 13, 11


def channels(count, kind=np.uint8):
    """Noise of many channels: [HEIGHT, WIDTH, count]."""
    planes = [np.roll(pattern(WIDTH, HEIGHT, 0), shift, axis=1)[:, :, shift % 3] for shift in range(count)]
    values = np.stack(planes, axis=2)
    if kind == np.uint16:
        return values.astype(np.uint16) * 257 - (values[::-1, ::-1] // 2)
    if kind == np.float32:
        return (values.astype(np.float32) - 100) / 7
    return values


def main():
    HERE.mkdir(exist_ok=True)
    entries = []

    def add(name, values, alpha=False):
        values = values.reshape(HEIGHT, WIDTH, -1)
        kinds = {"uint8": "uint8", "uint16": "uint16", "float32": "float32"}
        entries.append({
            "name": name, "width": WIDTH, "height": HEIGHT, "channels": values.shape[2],
            "element": kinds[values.dtype.name], "hasAlpha": alpha,
        })
        (HERE / f"{name}.raw").write_bytes(values.astype(values.dtype.newbyteorder("<")).tobytes())

    # PNG: what numpy wrote, since Pillow does not keep 16 bits of several channels.
    for depth, kind in ((8, np.uint8), (16, np.uint16)):
        for count, color in ((1, 0), (2, 4), (3, 2), (4, 6)):
            values = channels(count, kind)
            name = f"{count}x{depth}.png"
            (HERE / name).write_bytes(png(values.astype(np.uint32), depth, color, interlaced=count == 3))
            if depth == 8 or count == 1:
                # What Pillow reads is what was put in.
                assert np.array_equal(np.asarray(Image.open(HERE / name)).reshape(values.shape), values)
            add(name, values, count in (2, 4))

    def tiff(name, values, alpha=False, stored=None, **options):
        tifffile.imwrite(HERE / name, values if stored is None else stored, **options)
        read = tifffile.imread(HERE / name)
        # What is stored otherwise than it is shown, or has two pages, tifffile reads as it was written.
        expected = values if stored is None else stored
        assert np.array_equal(read.reshape(expected.shape), expected)
        add(name, values, alpha)

    grey, rgb, seven = channels(1)[:, :, 0], channels(3), channels(7)
    tiff("grey8.tif", grey, photometric="minisblack")
    tiff("grey16-big-endian.tif", channels(1, np.uint16)[:, :, 0], photometric="minisblack", byteorder=">")
    tiff("float-deflate.tif", channels(1, np.float32)[:, :, 0], photometric="minisblack", compression="zlib")
    tiff("rgb16-tiles.tif", channels(3, np.uint16), photometric="rgb", tile=(16, 16))
    tiff("rgba8-strips.tif", channels(4), True, photometric="rgb", extrasamples=["unassalpha"], rowsperstrip=4)
    tiff("seven16.tif", channels(7, np.uint16), photometric="minisblack", planarconfig="contig")
    tiff("seven8-planes.tif", seven, photometric="minisblack", planarconfig="separate", stored=np.moveaxis(seven, -1, 0))
    tiff("big.tif", rgb, photometric="rgb", bigtiff=True)
    tiff("white-is-zero.tif", 255 - grey, photometric="miniswhite", stored=grey)
    # Read by tifffile as stored; the two pages are of one size.
    tiff("pages.tif", grey, photometric="minisblack", stored=np.stack([grey, 255 - grey]))

    def pillow(name, picture, alpha=False, **options):
        picture.save(HERE / name, **options)
        read = Image.open(HERE / name)
        add(name, np.asarray(read.convert("RGBA" if alpha else "RGB")), alpha)

    palette = Image.fromarray(rgb).quantize(17)
    pillow("palette.tif", palette)
    pillow("bilevel.tif", Image.fromarray(grey).convert("1"), compression="group4")
    pillow("lzw.tif", Image.fromarray(rgb), compression="tiff_lzw")
    pillow("colour.webp", Image.fromarray(rgb), lossless=True)
    # Opaque and transparent pixels keep their colours.
    pillow("alpha.webp", Image.fromarray(channels(4)), True, lossless=True, exact=True)
    pillow("lossy.webp", Image.fromarray(pattern(WIDTH, HEIGHT, 1)), quality=90)
    pillow("rgb.bmp", Image.fromarray(rgb))
    pillow("palette.bmp", palette)
    # Pillow writes a header without opacity, and reads none.
    pillow("rgbx.bmp", Image.fromarray(channels(4)))

    Image.fromarray(grey).save(HERE / "grey.jpg", quality=95)
    add("grey.jpg", np.asarray(Image.open(HERE / "grey.jpg")))
    for name, values in (
        ("grey.npy", grey), ("nine.npy", channels(9, np.uint16)), ("float.npy", channels(2, np.float32)),
    ):
        np.save(HERE / name, values)
        add(name, np.load(HERE / name))
    (HERE / "stored.json").write_text(json.dumps(entries, indent=1) + "\n")

    turned = []
    for orientation in range(1, 9):
        for ending, options in (("jpg", {"quality": 95}), ("png", {}), ("webp", {"lossless": True})):
            exif = Image.Exif()
            exif[0x112] = orientation
            name = f"turned{orientation}.{ending}"
            Image.fromarray(rgb).save(HERE / name, exif=exif, **options)
            shown = ImageOps.exif_transpose(Image.open(HERE / name)).convert("RGB")
            (HERE / f"{name}.rgb").write_bytes(shown.tobytes())
            turned.append({"name": name, "orientation": orientation, "width": shown.width, "height": shown.height})
    (HERE / "turned.json").write_text(json.dumps(turned, indent=1) + "\n")

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for name in ("profile.jpg", "profile.png", "profile.webp", "profile.tif"):
        Image.fromarray(rgb).save(HERE / name, icc_profile=profile)

    resized = []
    values = channels(1, np.float32)[:, :, 0]
    np.save(HERE / "float1.npy", values)
    for side in (5, 24):
        # ADM's centre crop: no halving at these sizes.
        scale = side / min(WIDTH, HEIGHT)
        size = (round(WIDTH * scale), round(HEIGHT * scale))
        picture = Image.fromarray(values)
        while min(picture.size) >= 2 * side:
            picture = picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.BOX)
        scale = side / min(picture.size)
        size = (round(picture.width * scale), round(picture.height * scale))
        picture = np.asarray(picture.resize(size, Image.Resampling.BICUBIC))
        top, left = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
        crop = picture[top:top + side, left:left + side]
        (HERE / f"float1-{side}.raw").write_bytes(crop.astype("<f4").tobytes())
        resized.append({"name": "float1.npy", "side": side, "values": f"float1-{side}.raw"})
    (HERE / "resized.json").write_text(json.dumps(resized, indent=1) + "\n")


if __name__ == "__main__":
    main()
