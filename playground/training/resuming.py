"""The state of a training as one file: to stop, and to go on as if nothing had been."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict
from functools import cached_property
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from playground.errors import UserError
from playground.training.recipe import Recipe


class Resumable:
    """The part of `Trainer` that writes its state and reads it."""

    @cached_property
    def fingerprint(self) -> str:
        """Of all that the net learns from: another caption would give its words other numbers, another autoencoder
        other latents, and nobody would notice."""
        found = hashlib.sha256(json.dumps([self.net.vocabulary.words, self.net.styles]).encode())
        for part in (self.training, self.held_out):
            found.update(json.dumps([part.texts, part.styles, part.words]).encode())
            for tensor in (part.pixels, part.weights, part.lines):
                if tensor is not None:
                    found.update(tensor.cpu().contiguous().numpy().tobytes())
        for key, tensor in self.mean.state_dict().items():
            if key.startswith("space."):
                found.update(tensor.cpu().float().contiguous().numpy().tobytes())
        return found.hexdigest()

    def save(self, path: Path) -> None:
        """All of the state in one file, whole or not at all."""
        tensors = {f"net.{k}": v for k, v in self.net.state_dict().items()}
        tensors |= {f"mean.{k}": v for k, v in self.mean.state_dict().items()}
        for name, weight in self.net.named_parameters():
            for optimiser in self.optimisers:
                tensors |= {f"moment.{k}.{name}": v for k, v in optimiser.state.get(weight, {}).items()}
        tensors = {k: v.detach().cpu().contiguous() for k, v in tensors.items()}
        about = {"step": self.step, "seconds": self.seconds, "loss": self.loss, "recipe": asdict(self.recipe)}
        about["data"] = self.fingerprint
        partial = path.with_suffix(".partial")
        save_file(tensors, partial, metadata={"about": json.dumps(about)})
        os.replace(partial, path)

    def resume(self, path: Path) -> None:
        """Goes on from `path`. Raises UserError if that run was another one."""
        try:
            with safe_open(path, framework="pt") as file:
                about = json.loads(file.metadata()["about"])
                tensors = {key: file.get_tensor(key) for key in file.keys()}
        except Exception as error:
            raise UserError("{path} is not a training state; move it away to begin anew.", path=path) from error
        # What Recipe had no word for when the state was written was as its default says.
        if json.loads(json.dumps(asdict(Recipe()) | about["recipe"])) != json.loads(json.dumps(asdict(self.recipe))):
            raise UserError("{path} is of a run with other settings; give those, or another --out.", path=path)
        if about.get("data", self.fingerprint) != self.fingerprint:
            raise UserError(
                "{path} is of a run on other pictures, captions or another autoencoder; give those, or another --out.",
                path=path,
            )
        for part, module in (("net.", self.net), ("mean.", self.mean)):
            module.load_state_dict({k.removeprefix(part): v for k, v in tensors.items() if k.startswith(part)})
        weights = dict(self.net.named_parameters())
        for key, value in tensors.items():
            if key.startswith("moment."):
                _, kind, name = key.split(".", 2)
                if value.ndim:  # the fused step walks raw memory: moments must lie as their weights do
                    value = torch.empty_like(weights[name]).copy_(value)
                owner = next(o for o in self.optimisers if any(w is weights[name] for w in o.param_groups[0]["params"]))
                owner.state[weights[name]][kind] = value
        self.step, self.seconds = about["step"], about["seconds"]
        self.running = torch.tensor(about["loss"], device=self.device)
