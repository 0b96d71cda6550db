"""Variational autoencoders (Kingma & Welling 2014, arXiv:1312.6114): a picture as a code of a few numbers, in a space
that is full of pictures; and plain ones of the same build, whose codes lie wherever the training left them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from huggingface_hub import PyTorchModelHubMixin
from safetensors.torch import save_file
from torch import Tensor, nn

from playground.models.autoencoder import Block
from playground.models.blocks import Downsample, Upsample

FIGURES = "figures.json"  # beside a shipped one: what was measured of it
DRAWS = ("normal", "each", "together")


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, variance) ‖ N(0, 1)) in nats, summed over the numbers of a code, (B, D) each → (B,): Appendix B."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1)


class CodeAutoencoder(nn.Module, PyTorchModelHubMixin):
    """Pictures (B, 3, S, S) in [−1, 1] ↔ codes (B, code).

    Args:
        size: S.
        code: numbers of a code.
        dims: channels at a half of the picture's side, at a quarter, …
        variational: the encoder says of each number of the code how certain it is, too.
    """

    def __init__(
        self, size: int = 32, code: int = 32, dims: Sequence[int] = (24, 48, 96), variational: bool = True
    ) -> None:
        super().__init__()
        self.size, self.code, self.variational = size, code, variational
        side = size // 2 ** len(dims)

        def stage(dim: int) -> list[nn.Module]:
            blocks = [] if dim == dims[-1] else [Block(dim)]  # the coarsest grid has the linear layer to mix it
            return [*blocks, nn.GroupNorm(8, dim), nn.SiLU()]

        down, up = [], []
        for before, dim in zip((3, *dims[:-1]), dims, strict=True):
            down += [Downsample(before, dim), *stage(dim)]
        for dim, after in zip(reversed(dims), (*reversed(dims[:-1]), 3), strict=True):
            up += [*stage(dim), Upsample(dim, after)]
        numbers = dims[-1] * side**2
        self.encoder = nn.Sequential(*down, nn.Flatten(), nn.Linear(numbers, code * (2 if variational else 1)))
        self.decoder = nn.Sequential(nn.Linear(code, numbers), nn.Unflatten(1, (dims[-1], side, side)), *up)
        # Where codes lie: N(0, 1) is what a variational one is trained towards; of a plain one it has to be measured.
        self.register_buffer("middle", torch.zeros(code))
        self.register_buffer("root", torch.eye(code))  # of their covariance, its lower triangle: Σ = root · rootᵀ

    @property
    def spread(self) -> Tensor:
        """The standard deviation of each number of the codes, (code,)."""
        return self.root.norm(dim=1)

    def posterior(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """(mean, log variance) of a picture's code, (B, code) each; of a plain one the variance is none: log 0."""
        if not self.variational:
            mean = self.encoder(pictures)
            return mean, torch.full_like(mean, -torch.inf)
        return self.encoder(pictures).chunk(2, dim=1)

    def forward(self, pictures: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """There and back with noise (B, code) in the code, z = μ + σ·ε: equation 10, so that the gradient reaches μ and
        σ through the draw. Gives the pictures, and the divergence of each code, 0 of a plain one."""
        mean, log_variance = self.posterior(pictures)
        if not self.variational:
            return self.decoder(mean), mean.new_zeros(len(mean))
        return self.decoder(mean + (0.5 * log_variance).exp() * noise), divergence(mean, log_variance)

    @torch.no_grad()
    def encode(self, pictures: Tensor) -> Tensor:
        """(B, 3, S, S) → the codes that are likeliest, (B, code)."""
        return self.posterior(pictures.float())[0].to(pictures)

    @torch.no_grad()
    def decode(self, codes: Tensor) -> Tensor:
        """Codes → pictures (B, 3, S, S) in [−1, 1]."""
        return self.decoder(codes.float()).clamp(-1, 1).to(codes)

    def measure(self, pictures: Sequence[Tensor]) -> None:
        """Of a plain one: where the codes of some pictures lie, (B, 3, S, S) a part: their mean and covariance."""
        if not self.variational:
            codes = torch.cat([self.encode(part) for part in pictures]).double()
            covariance = codes.T.cov()
            least = 1e-9 * covariance.trace() * torch.eye(self.code).to(covariance)  # a number may never move
            self.middle.copy_(codes.mean(dim=0))
            self.root.copy_(torch.linalg.cholesky(covariance + least))

    def at_random(self, count: int, generator: torch.Generator, draw: str = "each") -> Tensor:
        """Codes drawn at random, (count, code), the same numbers of the generator for each way: from N(0, 1)
        ("normal"); or from where codes lie, each number by itself ("each") or as they go together ("together"), which
        gives a plain one afterwards what it was not trained to have (Ghosh et al. 2020, arXiv:1903.12436, §4). Those
        of a variational one lie at N(0, 1) as far as its training got them there."""
        noise = torch.randn(count, self.code, generator=generator).to(self.middle)
        if draw == "normal":
            return noise
        return self.middle + (self.spread * noise if draw == "each" else noise @ self.root.T)

    def _save_pretrained(self, save_directory: Path) -> None:
        """The mixin's hook: in half precision."""
        weights = {key: value.detach().cpu().half().contiguous() for key, value in self.state_dict().items()}
        save_file(weights, Path(save_directory) / "model.safetensors")
