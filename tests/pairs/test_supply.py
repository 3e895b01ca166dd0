"""From sources and shares to pairs to train on and pairs held out."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from clipguard.core.errors import InputError, UsageError
from clipguard.core.seeds import Seeds
from clipguard.pairs import mix, open_pairs
from clipguard.pairs.overlap import require_apart
from clipguard.pairs.spec import FileSpec, SyntheticSpec
from clipguard.pairs.supply import open_all, recorded, split
from clipguard.pairs.synthetic import SyntheticPairs
from clipguard.pairs.write import write_pairs

SEEDS = Seeds(5)
SIZE = 16


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Drawn pairs on disk: 300 in a table, 200 in a shard."""
    folder = tmp_path_factory.mktemp("home")
    write_pairs(SyntheticPairs(1, 300), folder / "table", SIZE)
    write_pairs(SyntheticPairs(2, 200), folder / "shards", SIZE, format="webdataset")
    return folder


def table(home, share=None):
    return FileSpec(str(home / "table/pairs.csv"), share)


def shards(home, share=None):
    return FileSpec(str(home / "shards"), share)


def keys(source):
    return source.read(range(len(source)), SIZE).keys


def test_given_pairs_are_split_once_and_for_all(home):
    first, again = (split([table(home)], None, SEEDS) for _ in range(2))
    assert (len(first.train), len(first.held_out)) == (240, 60)
    assert len({*keys(first.train), *keys(first.held_out)}) == 300
    assert keys(first.train) == keys(again.train)
    assert keys(first.train) != keys(split([table(home)], None, Seeds(6)).train)
    assert not first.train.synthetic


def test_copies_of_a_picture_stay_on_one_side(home, tmp_path):
    path = home / "table/several.csv"
    rows = [f"images/{n % 100:07d}.png,caption {n}" for n in range(500)]
    path.write_text("\n".join(["image,caption", *rows]))
    found = split([FileSpec(str(path))], None, SEEDS)
    train, held_out = (
        {key.split()[-1] for key in keys(part)} for part in (found.train, found.held_out)
    )
    assert len(found.held_out) == 100
    assert train.isdisjoint(held_out)
    assert len(train | held_out) == 100


def test_a_mix_holds_its_shares_everywhere(home):
    found = split([table(home, 0.7)], SyntheticSpec(0.3), SEEDS).train
    assert len(found) == 343  # 240 given ones are 0.7 of them
    drawn = [key.startswith("1/") for key in keys(found)]
    assert sum(drawn) == 103
    assert 15 <= sum(drawn[:100]) <= 45
    assert not found.synthetic
    assert [record.pairs for record in recorded(found)] == [240, 103]


def test_a_mix_shows_no_pair_twice(home):
    found = split([table(home, 0.2), shards(home, 0.8)], None, SEEDS)
    assert (len(found.train), len(found.held_out)) == (200, 50)
    assert len(set(keys(found.train))) == 200
    assert len(set(keys(found.held_out))) == 50


def test_sources_without_a_share_are_taken_whole(home):
    found = open_all([table(home), shards(home)], SEEDS)
    assert len(found) == 500
    assert len(set(keys(found))) == 500


def test_a_mix_is_addressed_by_index(home):
    found = open_all([table(home, 0.5), shards(home, 0.5)], SEEDS)
    whole, some = found.read(range(len(found)), SIZE), found.read([7, 3, 7], SIZE)
    assert some.keys == tuple(whole.keys[index] for index in (7, 3, 7))
    assert torch.equal(some.pixels, whole.pixels[[7, 3, 7]])
    assert found.read([], SIZE).pixels.shape == (0, 3, SIZE, SIZE)
    for index in (-1, len(found)):
        with pytest.raises(IndexError):
            found.read([index], SIZE)


def test_a_scan_takes_the_given_part_of_a_mix_alone(home):
    assert len(open_all([table(home, 0.7)], SEEDS)) == 300


def test_made_pairs_alone_come_from_two_seeds():
    found = split([], None, SEEDS)
    assert found.train.synthetic
    assert (len(found.train), len(found.held_out)) == (1500, 400)
    assert found.train.read([0], SIZE).texts != found.held_out.read([0], SIZE).texts


@pytest.mark.parametrize(
    ("share", "made"), [(0.5, None), (0.7, 0.2), (0.7, 0.4), (1.0, 0.3), (None, 1.0)]
)
def test_shares_that_make_no_whole(home, share, made):
    with pytest.raises(UsageError) as caught:
        split([table(home, share)], SyntheticSpec(made) if made else None, SEEDS)
    assert caught.value.code == "usage.share"


def test_too_few_pairs_are_said_with_both_numbers(home):
    path = home / "table/few.csv"
    path.write_text("\n".join((home / "table/pairs.csv").read_text().splitlines()[:151]))
    with pytest.raises(
        InputError, match=r"150 pairs, of which 30 .* at least 160 and 32"
    ) as caught:
        split([FileSpec(str(path))], None, SEEDS)
    assert caught.value.code == "data.too_few_pairs"


_GIVEN = st.lists(st.integers(0, 9), min_size=1, max_size=4)


@given(sizes=st.lists(st.integers(1, 5000), min_size=4, max_size=4), weights=_GIVEN)
def test_counts_are_the_largest_that_keep_the_shares(sizes, weights):
    sizes = sizes[: len(weights)]
    whole = sum(weights) + 3
    given = [weight / whole if weight else None for weight in weights]
    made = 3 / whole if None not in given else None
    parts = mix.shares(sizes, given, made)
    assert sum(parts) + (made or 0) == pytest.approx(1)
    found = mix.counts(sizes, parts)
    assert all(0 <= count <= size for count, size in zip(found, sizes, strict=True))
    total = sum(found) / sum(parts)
    assert all(abs(count - total * part) <= 4 for count, part in zip(found, parts, strict=True))
    assert any(size - count < 1 for count, size in zip(found, sizes, strict=True))


def test_sources_that_share_a_picture_are_told_apart(home, tmp_path):
    write_pairs(SyntheticPairs(2, 8), tmp_path / "other", SIZE)
    evaluation = open_pairs(tmp_path / "other/pairs.csv")
    require_apart(open_pairs(home / "table/pairs.csv"), evaluation, SIZE)
    with pytest.raises(InputError, match=r"8 of 200 pictures .*00000\.tar sample 1 is row 1") as it:
        require_apart(open_pairs(home / "shards"), evaluation, SIZE)
    assert it.value.code == "data.overlap"
