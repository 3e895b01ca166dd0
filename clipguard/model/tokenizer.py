"""CLIP's tokenizer as the file that the ``tokenizers`` library and its kin in JavaScript read."""

from __future__ import annotations

from typing import Any

from clipguard.model import compat

START, END = "<|startoftext|>", "<|endoftext|>"
# What is kept together before pairs are merged: letters, single digits, runs of anything else.
_PIECES = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def tokenizer_file() -> dict[str, Any]:
    """``tokenizer.json`` with open_clip's vocabulary.

    Broken Unicode and HTML entities, which open_clip repairs first, stay as they are.
    """
    known = compat.open_clip().SimpleTokenizer()
    words = sorted(known.encoder, key=known.encoder.get)
    vocabulary = {word: number for number, word in enumerate([*words[:-2], START, END])}
    start, end = vocabulary[START], vocabulary[END]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_special(START, start), _special(END, end)],
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "NFC"},
                {"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": " "},
                {"type": "Lowercase"},
            ],
        },
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {
                    "type": "Split",
                    "pattern": {"Regex": _PIECES},
                    "behavior": "Removed",
                    "invert": True,
                },
                _bytes(),
            ],
        },
        "post_processor": {
            "type": "RobertaProcessing",
            "cls": [START, start],
            "sep": [END, end],
            "trim_offsets": False,
            "add_prefix_space": False,
        },
        "decoder": _bytes(),
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": END,
            "continuing_subword_prefix": "",
            "end_of_word_suffix": "</w>",
            "fuse_unk": False,
            "vocab": vocabulary,
            "merges": [" ".join(pair) for pair in known.bpe_ranks],
        },
    }


def _special(word: str, number: int) -> dict[str, Any]:
    return {
        "id": number,
        "content": word,
        "special": True,
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
    }


def _bytes() -> dict[str, Any]:
    return {
        "type": "ByteLevel",
        "add_prefix_space": False,
        "trim_offsets": True,
        "use_regex": False,
    }
