"""ClipModel over open_clip's CLIP class."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clipguard.checkpoint.types import Candidate, Checkpoint
from clipguard.core.errors import InputError
from clipguard.model import compat
from clipguard.model.seam import ClipSpec

STANDARD_VOCABULARY = 49408  # tokens of CLIP's tokenizer; the last two begin and end a text
START, END = 49406, 49407


class OpenClipModel:
    """A CLIP model in float32, in eval mode, with gradients of weights off.

    Below ``torch.autocast`` the towers compute in its type; embeddings are made unit-norm in
    float32 all the same.

    Args:
        module: ``open_clip.CLIP``.
        spec: the model's facts.
        device: torch device that the module lives on.
    """

    def __init__(self, module: Any, spec: ClipSpec, device: str = "cpu") -> None:
        self.module = module.eval().requires_grad_(False).to(device)
        self.device = torch.device(device)
        self._spec = spec
        self._mean = torch.tensor(spec.mean, device=device).view(1, 3, 1, 1)
        self._std = torch.tensor(spec.std, device=device).view(1, 3, 1, 1)

    @property
    def spec(self) -> ClipSpec:
        """The model's facts."""
        return self._spec

    @cached_property
    def _tokenizer(self) -> Any:
        return compat.open_clip().SimpleTokenizer(context_length=self.spec.context_length)

    def tokenize(self, texts: Sequence[str]) -> Tensor:
        """B strings -> (B, context_length) int64, cut and zero-padded as open_clip does.

        Raises:
            InputError: the model's vocabulary is smaller than the tokenizer's.
        """
        tokens: Tensor = self._tokenizer(list(texts))
        rows = self.module.token_embedding.num_embeddings
        if int(tokens.max()) >= rows:
            raise InputError(
                "model.vocabulary",
                f"the text tower knows {rows} tokens, the standard tokenizer {STANDARD_VOCABULARY}",
                where=self.spec.architecture,
                remedy="only models with the standard CLIP tokenizer can be probed",
            )
        return tokens

    def encode_image(self, pixels: Tensor) -> Tensor:
        """(B, 3, H, W) float32 in 0..1 -> (B, D) unit-norm float32. Differentiable in pixels."""
        normalised = (pixels.to(self.device) - self._mean) / self._std
        return F.normalize(self.module.visual(normalised).float(), dim=-1)

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """B strings -> (B, D) unit-norm float32.

        The tower is causal and pools at the end-of-text token, so everything behind the longest
        text is cut: same embedding, a fraction of the work.
        """
        tokens = self.tokenize(texts).to(self.device)
        clip = self.module
        longest = int(tokens.argmax(dim=-1).max()) + 1
        causal = clip.attn_mask is not None and clip.text_pool_type == "argmax"
        if not causal or longest == tokens.shape[1]:
            return F.normalize(clip.encode_text(tokens).float(), dim=-1)
        tokens = tokens[:, :longest]
        x = clip.token_embedding(tokens) + clip.positional_embedding[:longest]
        x = clip.transformer(x, attn_mask=clip.attn_mask[:longest, :longest])
        x = clip.ln_final(x)[torch.arange(len(tokens)), tokens.argmax(dim=-1)]
        return F.normalize((x @ clip.text_projection).float(), dim=-1)

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Parameters under open_clip names; the image tower's start with ``visual.``."""
        yield from self.module.named_parameters()

    def state(self) -> Mapping[str, Tensor]:
        """All tensors under open_clip names, detached, on the CPU."""
        return {name: value.detach().cpu() for name, value in self.module.state_dict().items()}

    def copy(self) -> OpenClipModel:
        """An independent model with equal weights."""
        return OpenClipModel(copy.deepcopy(self.module), self.spec, str(self.device))

    @contextmanager
    def gradients(self, *, checkpointing: bool = False) -> Iterator[None]:
        """Inside, weights collect gradients; BatchNorm statistics stay where they are.

        Checkpointing is open_clip's, by blocks of transformers; a ResNet has none.
        """
        self.module.requires_grad_(True)
        self.module.set_grad_checkpointing(checkpointing)
        try:
            yield
        finally:
            self.module.set_grad_checkpointing(False)
            self.module.requires_grad_(False)
            self.module.zero_grad(set_to_none=True)


def build_model(
    checkpoint: Checkpoint, candidate: Candidate | None = None, *, device: str = "cpu"
) -> OpenClipModel:
    """Put a checkpoint's tensors into open_clip's CLIP, in float32.

    The module is laid out without memory first and takes each tensor as it is read, so that the
    weights are held once.

    Args:
        checkpoint: a recognised checkpoint.
        candidate: how to complete what shapes cannot tell; default: the checkpoint's preferred.
        device: torch device.

    Raises:
        InputError: a tensor is missing or has another shape than the architecture wants.
    """
    candidate = candidate or checkpoint.candidates[0]
    with torch.device("meta"):
        module = new_module(candidate.config)
    infos = checkpoint.tensors.infos()
    state = {}
    for name, wanted in module.state_dict().items():
        if name.endswith("num_batches_tracked"):
            state[name] = torch.zeros((), dtype=torch.int64)
            continue
        found = infos.get(name)
        if found is None or tuple(found.shape) != tuple(wanted.shape):
            _raise_shape(name, None if found is None else found.shape, wanted.shape, candidate.name)
        state[name] = to_float32(checkpoint.tensors.read(name), infos[name].dtype)
    module.load_state_dict(state, assign=True)
    module.attn_mask = _causal_mask(module.context_length)
    return OpenClipModel(module, _spec(module, candidate), device)


def new_module(config: Mapping[str, object]) -> Any:
    """``open_clip.CLIP`` for a model configuration, with fresh weights."""
    known = ("embed_dim", "vision_cfg", "text_cfg", "quick_gelu")
    return compat.open_clip().CLIP(**{key: config[key] for key in known if key in config})


def class_names() -> tuple[str, ...]:
    """open_clip's 1000 ImageNet class names: the default vocabulary of the probes."""
    return tuple(compat.open_clip().IMAGENET_CLASSNAMES)


def to_float32(values: np.ndarray, dtype: str) -> Tensor:
    """A stored array as a float32 tensor of its own memory; bfloat16 comes as bit patterns."""
    if dtype == "bfloat16":
        bits = np.array(values, dtype=np.uint32, order="C")
        bits <<= 16  # in place: anything else turns a number into no array
        return torch.from_numpy(bits.view(np.float32))
    return torch.from_numpy(np.array(values, dtype=np.float32))


def _spec(module: Any, candidate: Candidate) -> ClipSpec:
    size = module.visual.image_size
    return ClipSpec(
        architecture=candidate.name,
        image_size=int(size if isinstance(size, int) else size[0]),
        embed_dim=int(candidate.config["embed_dim"]),  # type: ignore[call-overload]  # JSON value
        context_length=int(module.context_length),
        logit_scale=float(module.logit_scale.detach().exp()),
        mean=candidate.mean,
        std=candidate.std,
        config=candidate.config,
    )


def _causal_mask(length: int) -> Tensor:
    """Additive mask (L, L): minus infinity above the diagonal."""
    return torch.full((length, length), float("-inf")).triu_(1)


def _raise_shape(
    name: str, found: tuple[int, ...] | None, wanted: Sequence[int], architecture: str
) -> None:
    raise InputError(
        "arch.shape",
        f"{name} is {found or 'missing'}, {architecture} wants {tuple(wanted)}",
        remedy="give the right architecture with --arch NAME or --arch FILE.json",
    )
