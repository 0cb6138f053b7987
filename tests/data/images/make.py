"""Writes the pictures of this folder, and beside each the pixels that Pillow reads from it (PPM). Needs numpy and Pillow.

Pillow's own rule is replaced in one place: 16-bit grey becomes its high byte, as 16-bit colour does."""

import struct
import zlib

import numpy as np
from PIL import Image

y, x = np.mgrid[0:18, 0:24]
rgb = np.stack([x * 10, y * 14, (x * y * 3) % 256], 2).astype(np.uint8)
alpha = ((x * 11 + y * 5) % 256).astype(np.uint8)
picture = Image.fromarray(rgb)
translucent = picture.copy()
translucent.putalpha(Image.fromarray(alpha))


def expect(name, pixels):
    Image.fromarray(np.ascontiguousarray(pixels)).save(f"{name}.ppm")


def write(name, image, **options):
    image.save(name, **options)
    expect(name, np.asarray(Image.open(name).convert("RGB")))


def on_white(name):
    image = Image.open(name).convert("RGBA")
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=image.getchannel("A"))
    expect(f"{name}.white", np.asarray(white))


def write_png16(name, channels, colour_type):
    """Pillow cannot write 16-bit colour."""
    height, width = channels.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in channels)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    with open(name, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
    high = (channels >> 8).astype(np.uint8)
    expect(name, high if high.ndim == 3 else np.repeat(high[..., None], 3, 2))


write("colour.jpg", picture, quality=80)
write("progressive.jpg", picture, quality=80, progressive=True)
write("grey.jpg", picture.convert("L"), quality=80)
write("cmyk.jpg", picture.convert("CMYK"), quality=80)
with open("cmyk.jpg", "rb") as file:
    data = file.read()
flag = data.index(b"Adobe") + 11
with open("ycck.jpg", "wb") as file:  # the same coefficients, declared to be YCCK
    file.write(data[:flag] + b"\2" + data[flag + 1 :])
expect("ycck.jpg", np.asarray(Image.open("ycck.jpg").convert("RGB")))

write("colour.png", picture)
write("grey.png", picture.convert("L"))
write("two_levels.png", picture.convert("1"))
write("alpha.png", translucent)
on_white("alpha.png")
write("grey_alpha.png", translucent.convert("LA"))
on_white("grey_alpha.png")
write("palette.png", picture.quantize(16), transparency=bytes(range(0, 160, 10)))
on_white("palette.png")
write_png16("colour16.png", rgb.astype(np.uint16) * 256 + 99, 2)
write_png16("grey16.png", (x * 2500 + y * 31).astype(np.uint16), 0)

write("lossy.webp", picture, quality=80)
write("alpha.webp", translucent, lossless=True)
on_white("alpha.webp")
picture.save("animated.webp", save_all=True, append_images=[picture.rotate(180)])

# Resampling: crop boxes (left, top, right, bottom) and sizes, rows first.
for name, box, size in (("smaller", (0, 0, 24, 18), (11, 7)), ("larger", (3, 2, 20, 15), (31, 29)), ("mixed", (1, 0, 24, 17), (40, 5))):
    part = picture.crop(box)
    rows = part.resize((size[0], part.height), Image.BICUBIC)
    expect(f"resized_{name}", np.asarray(rows.resize(size, Image.BICUBIC)))
