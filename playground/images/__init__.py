"""Pictures: read, made, turned into tensors and back."""

from playground.images.reading import open_picture
from playground.images.tensors import to_pixels, to_png, to_tensor

__all__ = ["open_picture", "to_pixels", "to_png", "to_tensor"]
