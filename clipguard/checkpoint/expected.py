"""Which tensors, of which shapes, an open_clip model configuration asks for.

Covers CLIP's own towers: vision transformers, modified ResNets and plain text transformers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Shapes = dict[str, tuple[int, ...]]
Config = Mapping[str, Any]

_VISION = frozenset(
    {
        "act_kwargs", "final_ln_after_pool", "head_width", "image_size", "layers",
        "ls_init_value", "mlp_ratio", "no_ln_pre", "norm_kwargs", "output_tokens",
        "patch_dropout", "patch_size", "pool_type", "width",
    }
)  # fmt: skip
_TEXT = frozenset(
    {
        "act_kwargs", "context_length", "eos_id", "final_ln_after_pool", "heads",
        "hf_tokenizer_name", "layers", "ls_init_value", "mlp_ratio", "no_causal_mask",
        "norm_kwargs", "output_tokens", "pad_id", "pool_type", "tokenizer_kwargs",
        "tokenizer_mode", "vocab_size", "width",
    }
)  # fmt: skip
EXPANSION = 4  # of a ResNet bottleneck


def is_plain(config: Config) -> bool:
    """Whether this module knows the configuration's towers."""
    vision, text = config.get("vision_cfg"), config.get("text_cfg")
    if not isinstance(vision, dict) or not isinstance(text, dict):
        return False
    return set(vision) <= _VISION and set(text) <= _TEXT and not config.get("multimodal_cfg")


def expected_shapes(config: Config) -> Shapes:
    """Names and shapes of the tensors of ``open_clip.CLIP(**config)``.

    Args:
        config: a configuration that ``is_plain``; its defaults are open_clip's.

    Raises:
        KeyError, TypeError, ValueError, ZeroDivisionError: values of the wrong kind.
    """
    vision, text, embed = config["vision_cfg"], config["text_cfg"], int(config["embed_dim"])
    resnet = isinstance(vision.get("layers", 12), (list, tuple))
    tower = _resnet(vision, embed) if resnet else _vit(vision, embed)
    shapes = {f"visual.{name}": shape for name, shape in tower.items()}
    width = int(text.get("width", 512))
    shapes["token_embedding.weight"] = (int(text.get("vocab_size", 49408)), width)
    shapes["positional_embedding"] = (int(text.get("context_length", 77)), width)
    shapes |= _blocks(text, width, 12)
    shapes |= _pair("ln_final", width)
    shapes["text_projection"] = (width, embed)
    shapes["logit_scale"] = ()
    return shapes


def grid(config: Config) -> int:
    """Positions along one side of the image tower's last feature map."""
    vision = config["vision_cfg"]
    size = vision.get("image_size", 224)
    size = int(size[0] if isinstance(size, (list, tuple)) else size)
    if isinstance(vision.get("layers", 12), (list, tuple)):
        return size // 32
    return size // int(vision.get("patch_size", 16))


def _vit(vision: Config, embed: int) -> Shapes:
    width, patch = int(vision.get("width", 768)), int(vision.get("patch_size", 16))
    side = grid({"vision_cfg": vision})
    shapes: Shapes = {
        "class_embedding": (width,),
        "positional_embedding": (side * side + 1, width),
        "conv1.weight": (width, 3, patch, patch),
        "proj": (width, embed),
    }
    if not vision.get("no_ln_pre"):
        shapes |= _pair("ln_pre", width)
    return shapes | _pair("ln_post", width) | _blocks(vision, width, 12)


def _blocks(tower: Config, width: int, layers: int) -> Shapes:
    inner = int(width * float(tower.get("mlp_ratio", 4.0)))
    block = {
        "attn.in_proj_weight": (3 * width, width),
        "attn.in_proj_bias": (3 * width,),
        "attn.out_proj.weight": (width, width),
        "attn.out_proj.bias": (width,),
        "mlp.c_fc.weight": (inner, width),
        "mlp.c_fc.bias": (inner,),
        "mlp.c_proj.weight": (width, inner),
        "mlp.c_proj.bias": (width,),
        **_pair("ln_1", width),
        **_pair("ln_2", width),
    }
    if tower.get("ls_init_value") is not None:
        block |= {"ls_1.gamma": (width,), "ls_2.gamma": (width,)}
    return {
        f"transformer.resblocks.{layer}.{name}": shape
        for layer in range(int(tower.get("layers", layers)))
        for name, shape in block.items()
    }


def _resnet(vision: Config, embed: int) -> Shapes:
    width, side = int(vision.get("width", 64)), grid({"vision_cfg": vision})
    half, wide = width // 2, width * 32
    shapes: Shapes = {
        "conv1.weight": (half, 3, 3, 3),
        "conv2.weight": (half, half, 3, 3),
        "conv3.weight": (width, half, 3, 3),
        "attnpool.positional_embedding": (side * side + 1, wide),
        **_norm("bn1", half), **_norm("bn2", half), **_norm("bn3", width),
    }  # fmt: skip
    for part in "kqv":
        shapes |= {
            f"attnpool.{part}_proj.weight": (wide, wide),
            f"attnpool.{part}_proj.bias": (wide,),
        }
    shapes |= {"attnpool.c_proj.weight": (embed, wide), "attnpool.c_proj.bias": (embed,)}
    incoming = width
    for stage, blocks in enumerate(vision["layers"], 1):
        planes = width << (stage - 1)
        for block in range(int(blocks)):
            prefix = f"layer{stage}.{block}"
            shapes |= _bottleneck(prefix, incoming, planes, first=block == 0, stage=stage)
            incoming = planes * EXPANSION
    return shapes


def _bottleneck(prefix: str, incoming: int, planes: int, *, first: bool, stage: int) -> Shapes:
    out = planes * EXPANSION
    shapes: Shapes = {
        f"{prefix}.conv1.weight": (planes, incoming, 1, 1),
        f"{prefix}.conv2.weight": (planes, planes, 3, 3),
        f"{prefix}.conv3.weight": (out, planes, 1, 1),
        **_norm(f"{prefix}.bn1", planes),
        **_norm(f"{prefix}.bn2", planes),
        **_norm(f"{prefix}.bn3", out),
    }
    if (first and stage > 1) or incoming != out:
        shapes[f"{prefix}.downsample.0.weight"] = (out, incoming, 1, 1)
        shapes |= _norm(f"{prefix}.downsample.1", out)
    return shapes


def _pair(name: str, width: int) -> Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def _norm(name: str, width: int) -> Shapes:
    """BatchNorm; its step counter is left out, it plays no part in evaluation."""
    return _pair(name, width) | {f"{name}.running_mean": (width,), f"{name}.running_var": (width,)}
