"""Bytes to pixels and back: the only package that opens image bytes.

Everything arrives from strangers, so the first bytes name the format (`formats`), the header is read and decides (`header`):
unknown formats and more than `MAX_PIXELS` are refused before a pixel is decoded. Then the file's own decoder (`decoding`,
`jpeg`; `vector` for SVG), eight bits a channel (`pixels`), sRGB (`colour`), upright. A refusal is an ImageError with its reason.
"""

from pipeline.image.decoding import Decoded, Reduced, decode, decoded, open_image, reduced
from pipeline.image.encode import encode_png, flatten
from pipeline.image.formats import ImageError
from pipeline.image.header import MAX_PIXELS, Header, check_complete, read_header
from pipeline.image.vector import SVG_SIDE

__all__ = ["MAX_PIXELS", "SVG_SIDE", "Decoded", "Header", "ImageError", "Reduced", "check_complete", "decode", "decoded", "encode_png",
           "flatten", "open_image", "read_header", "reduced"]
