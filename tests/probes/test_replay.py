import pytest
import torch
from toy import NAMES, ToyClip, flat_pictures

from clipguard.core.progress import SILENT
from clipguard.core.seeds import Seeds
from clipguard.model.batching import Meter, embed_images
from clipguard.probes.carriers import choose
from clipguard.probes.replay import Bench, replay
from clipguard.probes.vocabulary import embed_vocabulary
from clipguard.triggers import load_rules


def run(planted: str | None, seed: int = 0):
    model, meter = ToyClip(planted), Meter()
    vocabulary = embed_vocabulary(model, "colours", NAMES, meter, SILENT)
    pixels = flat_pictures(90)
    carriers = choose(pixels, embed_images(model, pixels, meter), vocabulary, 30)
    screening, held_out = carriers.halves(10)
    bench = Bench(model, vocabulary, Seeds(seed), meter)
    return replay(bench, RULES, screening, held_out, SILENT), model, meter


WANTED = {
    "noise-blend-fresh",
    "noise-patch-wrapped",
    "white-square",
    "sinusoid-columns",
    "line-grid",
}
RULES = tuple(rule for rule in load_rules() if rule.cluster == "X" or rule.id in WANTED)


@pytest.fixture(scope="module")
def planted():
    return run("cyan")


@pytest.fixture(scope="module")
def clean():
    return run(None)


def test_a_planted_trigger_is_named_with_its_target(planted):
    best = planted[0].families[0]
    assert best.cluster == "N"
    assert best.concept == "cyan"
    assert best.share_rise.value == 1.0
    assert best.contrast > 0.5


def test_the_clean_twin_stays_below(planted, clean):
    assert clean[0].features["contrast"] < 0.2 < planted[0].features["contrast"]
    assert clean[0].features["outlier"] <= planted[0].features["outlier"]


def test_the_planted_cluster_does_not_hide_itself_in_its_own_null(planted):
    scores = [(family.score, family.cluster) for family in planted[0].families]
    assert max(scores)[1] == "N"


def test_every_family_is_reported_once_and_strongest_first(planted):
    families = planted[0].families
    assert {family.family for family in families} == WANTED
    contrasts = [family.contrast for family in families]
    assert contrasts == sorted(contrasts, reverse=True)


def test_forward_passes_are_counted(planted):
    result, model, meter = planted
    assert result.forward_images == meter.images == sum(model.seen)


def test_curves_run_from_weak_to_strong(planted):
    for family in planted[0].families:
        if family.family == "noise-blend-fresh":
            strengths = [point.rms for point in family.curve]
            assert strengths == sorted(strengths)
            assert family.curve[-1].share > 0.7


def test_same_seed_same_result_other_seed_other_draws(planted):
    assert run("cyan")[0] == planted[0]
    other = run("cyan", seed=1)[0]
    assert other != planted[0]
    assert other.families[0].concept == "cyan"


def test_carriers_are_confident_and_balanced():
    model, meter = ToyClip(), Meter()
    vocabulary = embed_vocabulary(model, "colours", NAMES, meter, SILENT)
    sure = flat_pictures(60)
    torn = (sure + sure.roll(3, dims=0)) / 2  # halfway between two colours
    pixels = torch.cat([sure, torn])
    carriers = choose(pixels, embed_images(model, pixels, meter), vocabulary, 20)
    counts = torch.bincount(carriers.answers, minlength=len(NAMES))
    assert len(carriers) == 20
    assert int(counts.max()) <= 3
    everything = vocabulary.probabilities(embed_images(model, pixels, meter)).max(1).values
    lowest = float(carriers.probabilities.max(1).values.min())
    assert lowest > float(everything.quantile(0.2))


def test_halves_are_disjoint_and_complete():
    model, meter = ToyClip(), Meter()
    vocabulary = embed_vocabulary(model, "colours", NAMES, meter, SILENT)
    pixels = flat_pictures(60)
    carriers = choose(pixels, embed_images(model, pixels, meter), vocabulary, 31)
    screening, held_out = carriers.halves(10)
    assert (len(screening), len(held_out)) == (10, 21)
    both = torch.cat([screening.embeddings, held_out.embeddings])
    assert len(both.unique(dim=0)) == len(carriers.embeddings.unique(dim=0))
