"""The ONNX pair: what is in the files, and that they embed as the model does."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper

from clipguard.checkpoint import open_checkpoint
from clipguard.checkpoint.types import Candidate, Checkpoint
from clipguard.core.errors import ClipguardError, RefusedError
from clipguard.export import onnx as exporter
from clipguard.export.onnx import write_onnx_pair
from clipguard.export.parity import check_pair, pictures, sentences
from clipguard.export.weights import write_open_clip_folder
from clipguard.model.onnx import OnnxClip
from clipguard.model.openclip import OpenClipModel, build_model
from clipguard.model.pair import FORMS

PAIR = ["textual.onnx", "visual.onnx"]


def test_parity_is_measured_and_reported(model: OpenClipModel, tmp_path: Path) -> None:
    exports = write_onnx_pair(model, tmp_path)
    assert [item.kind for item in exports] == ["onnx.image", "onnx.text"]
    for item in exports:
        assert item.compared == 64
        assert item.min_cosine is not None
        assert item.min_cosine >= 0.9999
        assert item.max_abs_difference is not None
        assert item.max_abs_difference <= 1e-4
    assert sorted(file.name for file in tmp_path.iterdir()) == PAIR


@pytest.mark.parametrize("batch", [1, 3, 10])
def test_any_consumer_can_run_any_batch(vit: OpenClipModel, tmp_path: Path, batch: int) -> None:
    write_onnx_pair(vit, tmp_path)
    pixels = pictures(vit.spec.image_size)[:batch]
    mean, std = (np.reshape(item, (1, 3, 1, 1)) for item in (vit.spec.mean, vit.spec.std))
    session = onnxruntime.InferenceSession(str(tmp_path / "visual.onnx"))
    prepared = ((pixels.numpy() - mean) / std).astype(np.float32)
    (images,) = session.run(["image_embeds"], {"image": prepared})
    session = onnxruntime.InferenceSession(str(tmp_path / "textual.onnx"))
    tokens = vit.tokenize(sentences()[:batch]).numpy()
    (texts,) = session.run(["text_embeds"], {"text": tokens})
    with torch.no_grad():
        assert np.abs(images - vit.encode_image(pixels).numpy()).max() <= 1e-5
        assert np.abs(texts - vit.encode_text(sentences()[:batch]).numpy()).max() <= 1e-5


def test_files_say_what_a_consumer_must_know(model: OpenClipModel, tmp_path: Path) -> None:
    write_onnx_pair(model, tmp_path, source_sha256="ab" * 32)
    size, context = model.spec.image_size, model.spec.context_length
    shapes = {"visual.onnx": ["batch", 3, size, size], "textual.onnx": ["batch", context]}
    for name, wanted in shapes.items():
        graph = onnx.load(tmp_path / name)
        onnx.checker.check_model(graph, full_check=True)
        (entry,) = graph.graph.input
        dims = [dim.dim_param or dim.dim_value for dim in entry.type.tensor_type.shape.dim]
        assert dims == wanted
        facts = {item.key: item.value for item in graph.metadata_props}
        assert graph.ir_version <= 8
        assert [(item.domain, item.version) for item in graph.opset_import] == [("", 17)]
        assert json.loads(facts["clipguard.tokenizer"])["end"] == 49407
        assert facts["clipguard.precision"] == "fp32"
        assert facts["clipguard.normalized"] == "true"
        assert facts["clipguard.interpolation"] == "bicubic"
        assert facts["clipguard.source_sha256"] == "ab" * 32
        assert facts["clipguard.mean"] == "[0.5, 0.4, 0.3]"
        assert float(facts["clipguard.logit_scale"]) == model.spec.logit_scale
        assert all(key.startswith("clipguard.") for key in facts)
        assert not any(node.doc_string for node in graph.graph.node)


def test_no_path_of_this_machine_is_inside(vit: OpenClipModel, tmp_path: Path) -> None:
    write_onnx_pair(vit, tmp_path, forms=FORMS)
    assert len(list(tmp_path.iterdir())) == 2 * len(FORMS)
    for file in tmp_path.iterdir():
        data = file.read_bytes()
        for place in (".py", str(Path.home()), str(tmp_path), tempfile.gettempdir(), "traced"):
            assert place.encode() not in data, (file.name, place)


def test_each_file_holds_its_own_tower_alone(vit: OpenClipModel, tmp_path: Path) -> None:
    write_onnx_pair(vit, tmp_path)
    for name, inside in (("visual.onnx", True), ("textual.onnx", False)):
        names = {item.name for item in onnx.load(tmp_path / name).graph.initializer}
        assert any("visual." in item for item in names) is inside


_EXPORT = """
import importlib.util, pathlib, sys
spec = importlib.util.spec_from_file_location("models", sys.argv[1])
models = importlib.util.module_from_spec(spec)
spec.loader.exec_module(models)
from clipguard.export.onnx import write_onnx_pair
from clipguard.export.weights import write_open_clip_folder
for kind in models.CONFIGS:
    model = models.tiny(kind)
    write_open_clip_folder(model, pathlib.Path(sys.argv[2]) / kind)
    write_onnx_pair(model, pathlib.Path(sys.argv[2]) / kind, forms=("fp32", "fp16", "int8"))
"""


def test_two_processes_write_equal_bytes(tmp_path: Path) -> None:
    models = Path(__file__).with_name("conftest.py")
    for name, seed in (("a", "1"), ("b", "2")):
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", _EXPORT, str(models), str(tmp_path / name)],
            env={"PYTHONHASHSEED": seed, "OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout == ""
    files = sorted(file for file in (tmp_path / "a").rglob("*") if file.is_file())
    assert len(files) == 16
    for file in files:
        other = tmp_path / "b" / file.relative_to(tmp_path / "a")
        assert file.read_bytes() == other.read_bytes(), file.name


def test_what_was_written_writes_the_same_bytes_again(model: OpenClipModel, tmp_path: Path) -> None:
    def write(checkpoint: Checkpoint, candidate: Candidate, name: str) -> dict[str, bytes]:
        built = build_model(checkpoint, candidate)
        write_open_clip_folder(built, tmp_path / name)
        write_onnx_pair(built, tmp_path / name)
        return {file.name: file.read_bytes() for file in (tmp_path / name).iterdir()}

    torch.save(model.module.state_dict(), tmp_path / "model.pt")
    given = open_checkpoint(tmp_path / "model.pt")
    first = write(given, given.candidates[-1], "first")
    assert b"-quickgelu" in first["visual.onnx"]
    again = open_checkpoint(tmp_path / "first")
    assert write(again, again.candidates[0], "again") == first


def test_pair_is_a_clip_model_with_the_same_facts(model: OpenClipModel, tmp_path: Path) -> None:
    write_onnx_pair(model, tmp_path)
    assert OnnxClip(tmp_path).spec == model.spec


def _shift(path: Path) -> None:
    """Change the weights of a file a little, as a broken exporter would."""
    graph = onnx.load(path)
    for item in graph.graph.initializer:
        if item.data_type == onnx.TensorProto.FLOAT and len(item.dims) > 1:
            values = numpy_helper.to_array(item)
            noise = np.random.default_rng(0).normal(0, 0.2, values.shape) * values.std()
            item.CopyFrom(numpy_helper.from_array((values + noise).astype("f4"), item.name))
    onnx.save(graph, path)


@pytest.mark.parametrize("name", PAIR)
def test_a_file_that_embeds_otherwise_is_refused(
    vit: OpenClipModel, tmp_path: Path, name: str
) -> None:
    write_onnx_pair(vit, tmp_path)
    _shift(tmp_path / name)
    with pytest.raises(RefusedError, match=rf"export\.parity\] {name}"):
        check_pair(vit, tmp_path)


@pytest.mark.parametrize("old", [{}, {"visual.onnx": b"older", "keep.txt": b"mine"}])
def test_failed_parity_leaves_the_folder_as_it_was(
    vit: OpenClipModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: dict[str, bytes]
) -> None:
    trace = exporter._trace

    def broken(*args: object) -> None:
        trace(*args)  # type: ignore[arg-type]  # passed on as they came
        _shift(args[-1])  # type: ignore[arg-type]  # the path comes last

    for name, data in old.items():
        (tmp_path / name).write_bytes(data)
    monkeypatch.setattr(exporter, "_trace", broken)
    with pytest.raises(RefusedError, match=r"export\.parity"):
        write_onnx_pair(vit, tmp_path)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == old


def _garbage(folder: Path) -> None:
    for name in PAIR:
        (folder / name).write_bytes(b"<html>not found</html>")


def _foreign(folder: Path) -> None:
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    out = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    node = onnx.helper.make_node("Identity", ["x"], ["y"])
    graph = onnx.helper.make_graph([node], "g", [value], [out])
    opset = onnx.helper.make_opsetid("", 17)
    for name in PAIR:
        onnx.save(onnx.helper.make_model(graph, opset_imports=[opset], ir_version=8), folder / name)


@pytest.mark.parametrize(
    ("prepare", "code"),
    [
        (lambda folder: None, "onnx.missing"),
        (_garbage, "onnx.invalid"),
        (_foreign, "onnx.metadata"),
    ],
)
def test_a_folder_without_a_pair_gives_one_clear_line(
    tmp_path: Path, prepare: object, code: str
) -> None:
    prepare(tmp_path)  # type: ignore[operator]  # one of the three above
    with pytest.raises(ClipguardError) as caught:
        OnnxClip(tmp_path)
    assert caught.value.code == code
    assert "\n" not in str(caught.value)
    assert caught.value.remedy


def test_fused_attention_is_switched_back_on(vit: OpenClipModel, tmp_path: Path) -> None:
    before = torch.backends.mha.get_fastpath_enabled()
    write_onnx_pair(vit, tmp_path)
    assert torch.backends.mha.get_fastpath_enabled() is before
