"""Makes the small images that the tests decode, and what Pillow and torchvision make of them.

Run: python make_images.py   (needs numpy, pillow, torch, torchvision)

Writes, beside this script, files/ (the images), expected.bin (pixels as bytes, inputs as little-endian float32) and
expected.json (which bytes of expected.bin belong to what). Images that Pillow cannot write (gray of 2 and 4 bits,
16-bit colour, Adam7 interlacing) come from the small PNG encoder below; Pillow still says what they decode to.
"""
import json
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import PIL
import torchvision
from PIL import Image, ImageOps
from torchvision.transforms import functional as F

here = Path(__file__).parent
files = here / "files"
shutil.rmtree(files, ignore_errors=True)
files.mkdir()
blob = bytearray()
index = {"pillow": PIL.__version__, "torchvision": torchvision.__version__.split("+")[0], "decoded": [], "resized": [],
         "inputs": []}


def picture(height, width, seed):
    """Smooth colours with a hard-edged square and some noise: asymmetric, so that no turn looks like another."""
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    rgb = np.stack([255 * x, 255 * y, 128 + 120 * np.sin(9 * x + 5 * y)], axis=2)
    rgb[height // 5: height // 2, width // 6: width // 3] = (250, 10, 30)
    rgb += np.random.default_rng(seed).normal(0, 12, rgb.shape)
    return Image.fromarray(rgb.clip(0, 255).astype(np.uint8))


def resize(image, width, height):
    """Pillow's bilinear resize, horizontally first and then vertically.

    Pillow 12 and older always go in that order. Pillow 13 starts with the vertical pass for some shapes, which rounds
    differently in between, by one grey level at most. Two calls that change one side each are the same in all.
    """
    bilinear = Image.Resampling.BILINEAR
    steps = image.resize((width, image.height), bilinear).resize((width, height), bilinear)
    direct = image.resize((width, height), bilinear)
    assert np.abs(np.asarray(steps).astype(int) - np.asarray(direct)).max() <= 1
    return steps


def store(data):
    offset = len(blob)
    blob.extend(data)
    return offset


def expect(name, rgb=None):
    if rgb is None:
        rgb = np.asarray(ImageOps.exif_transpose(Image.open(files / name)).convert("RGB"))
    index["decoded"].append(
        {"file": name, "height": rgb.shape[0], "width": rgb.shape[1], "offset": store(rgb.tobytes())})


def save(name, image, **options):
    image.save(files / name, **options)
    expect(name)


# --- JPEG
rgb = picture(19, 27, 1)
save("rgb_420.jpg", rgb, quality=85)
save("rgb_422.jpg", rgb, quality=85, subsampling="4:2:2")
save("rgb_444.jpg", rgb, quality=92, subsampling="4:4:4")
save("rgb_adobe.jpg", rgb, quality=85, keep_rgb=True)
save("progressive.jpg", rgb, quality=80, progressive=True)
save("gray.jpg", rgb.convert("L"), quality=85)
cmyk = Image.fromarray(np.dstack([np.asarray(rgb), np.asarray(rgb.convert("L")) // 2 + 100]), mode="CMYK")
save("cmyk.jpg", cmyk, quality=90)
# The same scan read as YCCK: the last byte of Adobe's APP14 segment names the transform.
data = bytearray((files / "cmyk.jpg").read_bytes())
data[data.index(b"Adobe") + 11] = 2
(files / "ycck.jpg").write_bytes(data)
expect("ycck.jpg")
small = picture(11, 19, 2)
for orientation in range(1, 9):
    exif = Image.Exif()
    exif[0x0112] = orientation
    save(f"exif_{orientation}.jpg", small, quality=85, exif=exif)
big_endian = b"Exif\0\0MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, 6, 0, 0)
save("exif_big_endian.jpg", small, quality=85, exif=big_endian)


# --- PNG
def png(name, samples, depth, color_type, interlaced=False, palette=None, transparency=None):
    """samples: [height, width, channels] integers."""
    height, width, channels = samples.shape

    def rows(part):
        out = b""
        for row in part.reshape(part.shape[0], -1):
            if depth == 16:
                packed = row.astype(">u2").tobytes()
            elif depth == 8:
                packed = row.astype(np.uint8).tobytes()
            else:
                bits = "".join(format(int(v), f"0{depth}b") for v in row)
                bits += "0" * (-len(bits) % 8)
                packed = bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))
            out += b"\0" + packed
        return out

    adam7 = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    parts = [samples[y::dy, x::dx] for y, x, dy, dx in adam7] if interlaced else [samples]
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, int(interlaced)))]
    if palette is not None:
        chunks.append((b"PLTE", palette.astype(np.uint8).tobytes()))
    if transparency is not None:
        chunks.append((b"tRNS", transparency))
    chunks += [(b"IDAT", zlib.compress(b"".join(rows(p) for p in parts if p.size), 9)), (b"IEND", b"")]
    body = b"\x89PNG\r\n\x1a\n"
    for kind, content in chunks:
        body += struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
    (files / name).write_bytes(body)


random = np.random.default_rng(3)
GRAY, RGB, PALETTE, GRAY_ALPHA, RGBA = 0, 2, 3, 4, 6
for interlaced in (False, True):
    tag = "_interlaced" if interlaced else ""
    for depth in (1, 2, 4, 8):
        samples = random.integers(0, 2**depth, (13, 21, 1))
        png(f"gray{depth}{tag}.png", samples, depth, GRAY, interlaced)
        expect(f"gray{depth}{tag}.png")
        colors = random.integers(0, 256, (2**depth, 3))
        png(f"palette{depth}{tag}.png", samples, depth, PALETTE, interlaced, palette=colors,
            transparency=bytes(random.integers(0, 256, 2)))
        expect(f"palette{depth}{tag}.png")
    png(f"rgb{tag}.png", random.integers(0, 256, (13, 21, 3)), 8, RGB, interlaced)
    expect(f"rgb{tag}.png")
png("rgb_transparent.png", random.integers(0, 256, (5, 7, 3)), 8, RGB, transparency=bytes(6))
expect("rgb_transparent.png")
png("gray_alpha.png", random.integers(0, 256, (5, 7, 2)), 8, GRAY_ALPHA)
expect("gray_alpha.png")
png("rgba.png", random.integers(0, 256, (5, 7, 4)), 8, RGBA)
expect("rgba.png")
for name, color_type, channels in [("gray16", GRAY, 1), ("gray_alpha16", GRAY_ALPHA, 2), ("rgb16", RGB, 3),
                                   ("rgba16", RGBA, 4)]:
    samples = random.integers(0, 65536, (9, 7, channels))
    png(f"{name}.png", samples, 16, color_type)
    # The high byte. Pillow agrees where it reads the file as 8 bits; its I;16 mode (gray16) it converts otherwise.
    high = (samples >> 8).astype(np.uint8)
    high = np.repeat(high[:, :, :1], 3, axis=2) if channels < 3 else high[:, :, :3]
    if color_type != GRAY:
        assert np.array_equal(high, np.asarray(Image.open(files / f"{name}.png").convert("RGB"))), name
    expect(f"{name}.png", high)

# --- WebP
save("lossy.webp", rgb, quality=80)
save("lossless.webp", rgb, lossless=True)
alpha = rgb.convert("RGBA")
alpha.putalpha(rgb.convert("L"))
save("lossy_alpha.webp", alpha, quality=80)
save("lossless_alpha.webp", alpha, lossless=True, exact=True)

# --- Resizing, of images that decode without loss
sharp = Image.fromarray((np.random.default_rng(4).random((37, 53, 3)) > 0.5).astype(np.uint8) * 255)
sharp.save(files / "sharp.png")
soft = picture(41, 30, 5)
soft.save(files / "soft.png")
for name in ("sharp.png", "soft.png"):
    image = Image.open(files / name).convert("RGB")
    for height, width in [(20, 20), (37, 20), (20, 53), (41, 31), (1, 1), (3, 70), (36, 52), (50, 61)]:
        pixels = np.asarray(resize(image, width, height))
        index["resized"].append({"file": name, "height": height, "width": width, "offset": store(pixels.tobytes())})

# --- From a file to a network's input, by torchvision
published = ("rgb", 255.0, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
caffe = ("bgr", 1.0, [103.939, 116.779, 123.68], [1.0, 1.0, 1.0])
for name, (order, scale, mean, std) in [("sharp.png", caffe), ("soft.png", published)]:
    image = Image.open(files / name).convert("RGB")
    for size, resize_size, mode in [(21, 24, "square"), (14, 17, "shortest"), (13, 16, "shortest")]:
        target = [resize_size, resize_size] if mode == "square" else resize_size
        resized_size = F.resize(image, target, antialias=True).size
        cropped = F.center_crop(resize(image, *resized_size), [size, size])
        pixels = np.asarray(cropped).astype(np.float64)
        pixels = pixels[:, :, ::-1] if order == "bgr" else pixels
        values = ((pixels / scale - mean) / std).astype("<f4")
        preprocessing = {"size": size, "resizeSize": resize_size, "resize": mode, "channelOrder": order,
                         "scale": scale, "mean": mean, "std": std}
        index["inputs"].append({"file": name, "preprocessing": preprocessing, "offset": store(values.tobytes())})

(here / "expected.bin").write_bytes(blob)
(here / "expected.json").write_text(json.dumps(index).replace(', {"file"', ',\n{"file"') + "\n")
size = len(blob) + sum(f.stat().st_size for f in files.iterdir())
print(f"{len(list(files.iterdir()))} images, {size} bytes with what is expected of them")
