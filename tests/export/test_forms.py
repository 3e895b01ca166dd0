"""Smaller forms of the ONNX pair, and weights that do not fit into one file."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, external_data_helper

from clipguard.core.errors import RefusedError
from clipguard.export.limits import rules
from clipguard.export.onnx import write_onnx_pair
from clipguard.export.parity import compare_pair
from clipguard.model import onnx_file
from clipguard.model.onnx import OnnxClip
from clipguard.model.openclip import OpenClipModel
from clipguard.model.pair import FORMS, Form, data_name, file_names


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if one file could hold no more than ten thousand bytes of weights."""
    monkeypatch.setattr(onnx_file, "LARGEST", 10_000)


@pytest.mark.parametrize("form", ["fp16", "int8"])
def test_a_smaller_form_alone_holds_to_its_own_limits(
    model: OpenClipModel, tmp_path: Path, form: Form
) -> None:
    exports = write_onnx_pair(model, tmp_path, forms=(form,))
    assert [item.artifact.name for item in exports] == list(file_names(form))
    assert {file.name for file in tmp_path.iterdir()} == set(file_names(form))
    limits = getattr(rules().parity, form)
    for item in exports:
        assert item.kind.endswith(f".{form}")
        assert item.compared == 64
        assert limits.min_cosine <= item.min_cosine < 1  # type: ignore[operator]  # measured
        assert item.max_abs_difference <= limits.max_difference  # type: ignore[operator]
    assert OnnxClip(tmp_path, form).spec == model.spec


def test_smaller_forms_are_smaller(vit: OpenClipModel, tmp_path: Path) -> None:
    write_onnx_pair(vit, tmp_path, forms=FORMS)
    sizes = [(tmp_path / file_names(form)[1]).stat().st_size for form in FORMS]
    assert sizes[1] < 0.52 * sizes[0]
    assert sizes[2] < 0.30 * sizes[0]
    types = {item.data_type for item in onnx.load(tmp_path / "textual.fp16.onnx").graph.initializer}
    assert TensorProto.FLOAT16 in types
    operators = {node.op_type for node in onnx.load(tmp_path / "visual.int8.onnx").graph.node}
    assert "MatMulInteger" in operators
    assert "ConvInteger" not in operators


def test_a_form_that_loses_too_much_ships_nothing(
    vit: OpenClipModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import msgspec

    from clipguard.export import parity

    strict = msgspec.structs.replace(rules().parity.int8, min_cosine=1.0)
    by_form = msgspec.structs.replace(rules().parity, int8=strict)
    whole = msgspec.structs.replace(rules(), parity=by_form)
    monkeypatch.setattr(parity, "rules", lambda: whole)
    with pytest.raises(RefusedError, match=r"export\.parity\] visual\.int8\.onnx.*another form"):
        write_onnx_pair(vit, tmp_path, forms=("fp32", "int8"))
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("form", FORMS)
def test_weights_beyond_one_file_lie_in_one_file_beside_it(
    vit: OpenClipModel, tmp_path: Path, form: Form, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("work", "a", "b"):
        (tmp_path / place).mkdir()
    (tmp_path / "work" / data_name(file_names(form)[0])).touch()  # onnx looks for it here
    monkeypatch.chdir(tmp_path / "work")
    exports = write_onnx_pair(vit, tmp_path / "a", forms=(form,))
    names = {name for tower in file_names(form) for name in (tower, data_name(tower))}
    assert {item.artifact.name for item in exports} == names
    assert {file.name for file in (tmp_path / "a").iterdir()} == names
    assert len({file.stat().st_mode for file in (tmp_path / "a").iterdir()}) == 1
    assert write_onnx_pair(vit, tmp_path / "b", forms=(form,)) == exports
    for name in file_names(form):
        onnx.checker.check_model(str(tmp_path / "a" / name))
    assert all(parity.holds(form) for parity in compare_pair(vit, OnnxClip(tmp_path / "a", form)))


@pytest.mark.parametrize("kind", ["link", "hard link", "missing", "folder"])
def test_weights_behind_a_link_are_refused(apart: Path, tmp_path: Path, kind: str) -> None:
    folder, data = tmp_path / "pair", tmp_path / "pair" / "textual.onnx.data"
    shutil.copytree(apart, folder)
    data.rename(tmp_path / "elsewhere")
    if kind == "link":
        data.symlink_to(tmp_path / "elsewhere")
    elif kind == "hard link":
        os.link(tmp_path / "elsewhere", data)
    elif kind == "folder":
        data.mkdir()
    with pytest.raises(RefusedError, match=r"onnx\.data\].*textual\.onnx"):
        OnnxClip(folder)


@pytest.mark.parametrize("where", ["../secret", "/etc/passwd", "other.bin", ""])
@pytest.mark.parametrize("hidden", [False, True])
def test_weights_elsewhere_are_refused(
    apart: Path, tmp_path: Path, where: str, hidden: bool
) -> None:
    (tmp_path / "secret").write_bytes(bytes(4096))
    folder = tmp_path / "pair"
    shutil.copytree(apart, folder)
    graph = onnx.load(folder / "visual.onnx")
    if hidden:  # in an attribute of a node, where loaders that look at weights alone miss it
        node = next(item for item in graph.graph.node if item.op_type == "Constant")
        tensor = node.attribute[0].t
    else:
        tensor = graph.graph.initializer[0]
    external_data_helper.set_external_data(tensor, where)
    tensor.ClearField("raw_data")
    (folder / "visual.onnx").write_bytes(graph.SerializeToString())
    with pytest.raises(RefusedError, match=r"onnx\.data"):
        OnnxClip(folder)
