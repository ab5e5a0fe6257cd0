"""Makes the small PNG and WebP images with an EXIF orientation that the tests decode, and what Pillow makes of them.

Run: python make_turned.py   (needs numpy and pillow; written with Pillow 12.3.0)

Writes turned/ beside this script: images, and expected.json with the file of the same pixels, which has no orientation,
for each of them. All are lossless, so that what is expected can be an image, too.
"""
import json
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

folder = Path(__file__).parent / "turned"
shutil.rmtree(folder, ignore_errors=True)
folder.mkdir()
expected = {}
picture = Image.fromarray(np.random.default_rng(6).integers(0, 256, (5, 7, 3), dtype=np.uint8))
plain = {}


def expect(name):
    """Pillow says what the image is; the pixels are kept once."""
    turned = ImageOps.exif_transpose(Image.open(folder / name)).convert("RGB")
    key = (turned.size, turned.tobytes())
    if key not in plain:
        plain[key] = f"plain_{len(plain) + 1}.png"
        turned.save(folder / plain[key])
    expected[name] = plain[key]


def tiff(orientation, order="<"):
    start = b"II*\0" if order == "<" else b"MM\0*"
    return start + struct.pack(order + "IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)


def write(name, content):
    (folder / name).write_bytes(content)
    expect(name)


# --- All orientations, as Pillow writes them
for orientation in range(1, 9):
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture.save(folder / f"exif_{orientation}.png", exif=exif)
    expect(f"exif_{orientation}.png")
    picture.save(folder / f"exif_{orientation}.webp", lossless=True, exif=exif)
    expect(f"exif_{orientation}.webp")


# --- PNG, chunk by chunk
def png_chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


header = struct.pack(">IIBBBBB", picture.width, picture.height, 8, 2, 0, 0, 0)
rows = b"".join(b"\0" + row.tobytes() for row in np.asarray(picture))
signature = b"\x89PNG\r\n\x1a\n"
first, pixels, last = png_chunk(b"IHDR", header), png_chunk(b"IDAT", zlib.compress(rows, 9)), png_chunk(b"IEND", b"")
write("big_endian.png", signature + first + png_chunk(b"eXIf", tiff(6, ">")) + pixels + last)
write("behind.png", signature + first + pixels + png_chunk(b"eXIf", tiff(6)) + last)
write("short.png", signature + first + png_chunk(b"eXIf", tiff(6)[:20]) + pixels + last)
write("none.png", signature + first + pixels + last)


# --- WebP, chunk by chunk
def riff_chunk(kind, content):
    return kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def webp(flags, *chunks):
    size = struct.pack("<I", picture.width - 1)[:3] + struct.pack("<I", picture.height - 1)[:3]
    body = b"WEBP" + riff_chunk(b"VP8X", bytes([flags, 0, 0, 0]) + size) + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


picture.save(folder / "none.webp", lossless=True)
expect("none.webp")
whole = (folder / "none.webp").read_bytes()
assert whole[12:16] == b"VP8L"
stream = riff_chunk(b"VP8L", whole[20:20 + struct.unpack("<I", whole[16:20])[0]])
EXIF = 0x08
write("big_endian.webp", webp(EXIF, stream, riff_chunk(b"EXIF", tiff(6, ">"))))
write("prefixed.webp", webp(EXIF, stream, riff_chunk(b"EXIF", b"Exif\0\0" + tiff(6))))
write("odd.webp", webp(EXIF, stream, riff_chunk(b"junk", b"odd"), riff_chunk(b"EXIF", tiff(6) + b"\0")))
write("unannounced.webp", webp(0, stream, riff_chunk(b"EXIF", tiff(6))))

(folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
print(f"{len(expected)} images, {len(plain)} of what is expected, "
      f"{sum(f.stat().st_size for f in folder.iterdir())} bytes")
