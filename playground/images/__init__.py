"""Pictures: read, made, turned into tensors and back."""

from playground.images.reading import open_picture
from playground.images.tensors import drawn_lines, encoded, to_pixels, to_png, to_tensor

__all__ = ["drawn_lines", "encoded", "open_picture", "to_pixels", "to_png", "to_tensor"]
