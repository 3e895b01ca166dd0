import pytest
import torch
from toy import NAMES, ToyClip, flat_pictures

from clipguard.core.progress import SILENT
from clipguard.core.seeds import Seeds
from clipguard.measure.rise import Rise
from clipguard.model.batching import Meter, embed_images
from clipguard.probes import carriers as pool
from clipguard.probes.bench import CREEP, Bench, Effect
from clipguard.probes.replay import STRONGEST, choose, replay
from clipguard.probes.vocabulary import embed_vocabulary
from clipguard.triggers import load_rules


def run(planted: str | None, seed: int = 0):
    model, meter = ToyClip(planted), Meter()
    vocabulary = embed_vocabulary(model, "colours", NAMES, meter, SILENT)
    pixels = flat_pictures(90)
    carriers = pool.choose(pixels, embed_images(model, pixels, meter), vocabulary, 30)
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
    evidence = [family.contrast + family.kin for family in families]
    assert evidence == sorted(evidence, reverse=True)


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


def effect(variant, gains, rms):
    """An effect whose gains in share and in probability are both ``gains``."""
    shares = torch.tensor(gains)
    found = Rise(shares, shares, int(shares.argmax()), moved=0, movable=10, lost=0.0)
    return Effect(variant, found, rms)


def family(identifier):
    return next(rule for rule in load_rules() if rule.id == identifier)


def test_an_early_concept_beats_one_that_wins_where_the_picture_is_destroyed():
    rule = family("noise-blend-fresh")
    early = effect(rule.variants[2], [0.5, 0.2], rms=0.06)
    late = effect(rule.variants[4], [0.1, 0.9], rms=STRONGEST["global"] + 0.01)
    choice = choose([rule], {rule.id: [early, late]})[rule.id]
    assert (choice.variant, choice.concept, choice.kin) == (rule.variants[2], 0, 0.0)


def test_kin_decide_between_concepts_that_are_close():
    rules = [family(name) for name in ("noise-patch-wrapped", "noise-patch-binary")]
    screened = {
        rules[0].id: [effect(rules[0].variants[0], [0.40, 0.44, 0.0], rms=0.05)],
        rules[1].id: [effect(rules[1].variants[0], [0.35, 0.01, 0.0], rms=0.10)],
    }
    chosen = choose(rules, screened)
    assert chosen[rules[0].id].concept == 0
    assert chosen[rules[0].id].kin == pytest.approx(0.35 - CREEP * 0.10)


@pytest.mark.parametrize("stranger", ["noise-blend-fresh", "stripe-patch-vertical"])
def test_other_clusters_and_scopes_are_no_kin(stranger):
    rules = [family("noise-patch-wrapped"), family(stranger)]
    screened = {rule.id: [effect(rule.variants[0], [0.5, 0.0], rms=0.05)] for rule in rules}
    assert choose(rules, screened)[rules[0].id].kin == 0.0


def test_a_family_that_only_destroys_is_judged_at_its_weakest():
    rule = family("noise-blend-fresh")
    weak, strong = (effect(rule.variants[i], [0.9], rms=0.2 + 0.1 * i) for i in (0, 1))
    assert choose([rule], {rule.id: [strong, weak]})[rule.id].variant == rule.variants[0]


def test_carriers_are_confident_and_balanced():
    model, meter = ToyClip(), Meter()
    vocabulary = embed_vocabulary(model, "colours", NAMES, meter, SILENT)
    sure = flat_pictures(60)
    torn = (sure + sure.roll(3, dims=0)) / 2  # halfway between two colours
    pixels = torch.cat([sure, torn])
    carriers = pool.choose(pixels, embed_images(model, pixels, meter), vocabulary, 20)
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
    carriers = pool.choose(pixels, embed_images(model, pixels, meter), vocabulary, 31)
    screening, held_out = carriers.halves(10)
    assert (len(screening), len(held_out)) == (10, 21)
    both = torch.cat([screening.embeddings, held_out.embeddings])
    assert len(both.unique(dim=0)) == len(carriers.embeddings.unique(dim=0))
