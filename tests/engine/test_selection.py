"""Which values a bend may touch: channels, rows, columns, masks, sparse shares."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bentlight.errors import BadInput
from engine.bends import Bend, BendPlan, Painted
from engine.bends.hooks import CompiledPlan
from engine.bends.kernels import choose_channels
from engine.bends.selection import check_bend, choose_lines
from engine.measures import Measure, clusters_of, load_measures, save_measures
from tests.engine.test_operators import SD, activation, bent


def touched(x: torch.Tensor, **fields) -> torch.Tensor:
    """How far values were moved, as a share of a full dose."""
    return (bent("add", "decoder", x, [1.0, 1.0], **fields) - x) / SD


def test_channel_choices() -> None:
    assert choose_channels("all", 5) == [0, 1, 2, 3, 4]
    assert choose_channels("even", 5) == [0, 2, 4]
    assert choose_channels("odd", 5) == [1, 3]
    assert choose_channels("1-3", 5) == [1, 2, 3]
    quarter = choose_channels("random:0.25", 64, seed=1)
    assert len(quarter) == 16
    assert quarter == choose_channels("random:0.25", 64, seed=1)
    assert quarter != choose_channels("random:0.25", 64, seed=2)
    assert len(choose_channels("random:.001", 4)) == 1


@pytest.mark.parametrize("seed", [0, 5, 2**31 - 1])
def test_random_channels_are_those_of_torch(seed: int) -> None:
    order = torch.randperm(64, generator=torch.Generator().manual_seed(seed))
    assert choose_channels("random:0.25", 64, seed) == sorted(order[:16].tolist())


@pytest.mark.parametrize("choice", ["3-1", "2-4"])
def test_channels_that_do_not_exist_are_refused(choice: str) -> None:
    with pytest.raises(BadInput, match="0-3"):
        choose_channels(choice, 4)


def test_channels_that_act_alike_form_a_cluster() -> None:
    draw = np.random.default_rng(1)
    sources = draw.standard_normal((3, 256))
    kinds = np.array([0, 1, 2, 0, 1, 0, 0, 2, 1, 0])
    activity = sources[kinds] * draw.uniform(0.5, 3, (10, 1)) + 0.1 * draw.standard_normal((10, 256)) + 5
    clusters = clusters_of(activity)
    assert clusters == clusters_of(activity)
    found = [choose_channels(f"cluster:{n}/3", 10, clusters=clusters) for n in (1, 2, 3)]
    assert found[0] == [0, 3, 5, 6, 9]
    assert sorted(map(tuple, found[1:])) == [(1, 4, 8), (2, 7)]
    with pytest.raises(BadInput, match="1 to 3"):
        choose_channels("cluster:4/3", 10, clusters=clusters)
    with pytest.raises(BadInput, match="no 3 clusters"):
        choose_channels("cluster:1/3", 10)


def test_clusters_are_kept_with_the_measures(tmp_path) -> None:
    measures = {"unet.mid": Measure(4, 2.0, ("0011", "0012"))}
    save_measures(tmp_path / "m.json", "key", measures)
    assert load_measures(tmp_path / "m.json", "key") == measures
    assert load_measures(tmp_path / "m.json", "other") is None
    (tmp_path / "m.json").write_text('{"model": "key", "sites": {"text": {"channels": 4, "sd": 1}}}')
    assert load_measures(tmp_path / "m.json", "key") is None


def test_a_cluster_of_a_running_model_is_some_of_its_channels(generator) -> None:
    measures = generator._known_measures()
    parts = [choose_channels(f"cluster:{n}/4", 32, clusters=measures["unet.mid"].clusters) for n in (1, 2, 3, 4)]
    assert sorted(channel for part in parts for channel in part) == list(range(32))
    assert len(parts[0]) == max(map(len, parts))
    generator.prepare(plans=[BendPlan((Bend("b", "ablate", "unet.mid", "cluster:2/4"),))])


def test_rows_and_columns_are_shares_of_the_site() -> None:
    x = torch.zeros(1, 2, 20, 10)
    part = touched(x, rows="0.25-0.5", columns="0.8-1")
    assert (part[:, :, 5:10, 8:] == 1).all()
    assert part.sum() == 2 * 5 * 2
    assert touched(x, rows="0.31").sum() == 2 * 10
    assert (touched(x, rows="0.31")[:, :, 6] == 1).all()
    assert touched(x, rows="0.5", columns="0.99").nonzero()[:, 3].unique().tolist() == [9]


def test_random_rows_are_fixed_by_the_seed_and_differ_from_random_columns() -> None:
    x = torch.zeros(1, 1, 40, 40)
    part = touched(x, rows="random:0.1", seed=1)
    assert part.sum() == 4 * 40
    assert torch.equal(part, touched(x, rows="random:0.1", seed=1))
    assert not torch.equal(part, touched(x, rows="random:0.1", seed=2))
    assert not torch.equal(part, touched(x, columns="random:0.1", seed=1).transpose(2, 3))
    assert choose_lines("random:0", 7, (1,)).sum() == 1


@pytest.mark.parametrize("size", [(32, 32), (33, 60), (8, 8)])
def test_a_circle_has_the_stated_radius_on_any_site(size: tuple[int, int]) -> None:
    part = touched(torch.zeros(1, 1, *size), mask="circle:0.3")
    area = np.pi * (0.3 * size[0]) ** 2
    assert abs(float(part.sum()) / area - 1) < 0.05
    outside = touched(torch.zeros(1, 1, *size), mask="outside:0.3")
    torch.testing.assert_close(part + outside, torch.ones_like(part))


def test_gradients_are_full_at_their_edge() -> None:
    x = torch.zeros(1, 1, 10, 10)
    for mask, corner in (("left", (0, 5)), ("right", (9, 5)), ("top", (5, 0)), ("bottom", (5, 9))):
        part = touched(x, mask=mask)[0, 0]
        column, row = corner
        assert part[row, column] > 0.94
        assert part[9 - row, 9 - column] < 0.56
        assert abs(part.mean() - 0.5) < 1e-6


def test_a_painted_mask_is_stretched_over_the_site() -> None:
    levels = np.zeros((4, 4), np.uint8)
    levels[:, 2:] = 255
    painted = Painted.of(levels)
    for width in (2, 4, 64):
        part = touched(torch.zeros(1, 1, 5, width), mask="painted", painted=painted)
        assert part[..., 0].max() < 0.3
        assert part[..., -1].min() > 0.7
        assert abs(part.mean() - 0.5) < 1e-5
    assert hash(painted) == hash(Painted.of(levels / 255))


@pytest.mark.parametrize("levels", [np.zeros(4), np.full((2, 2), np.nan), np.full((2, 2), 3.0), np.zeros((300, 2))])
def test_painted_masks_that_make_no_sense_are_refused(levels: np.ndarray) -> None:
    with pytest.raises(BadInput, match="painted mask"):
        Painted.of(levels)


def test_a_sparse_share_is_fixed_by_the_seed() -> None:
    x = torch.zeros(1, 16, 32, 32)
    part = touched(x, sparse=0.2, seed=4)
    assert abs(float((part != 0).float().mean()) - 0.2) < 0.02
    assert torch.equal(part, touched(x, sparse=0.2, seed=4))
    assert not torch.equal(part, touched(x, sparse=0.2, seed=5))
    full = activation("decoder")
    assert torch.equal(bent("invert", "decoder", full, [1.0], sparse=1.0), -full)
    assert torch.equal(bent("invert", "decoder", full, [1.0], sparse=0.0), full)


def test_selections_multiply() -> None:
    x = torch.zeros(1, 4, 10, 10)
    part = touched(x, channels="1-2", rows="0-0.5", mask="left")
    assert not part[:, [0, 3]].any()
    assert not part[:, :, 5:].any()
    assert part[0, 1, 0, 0] > part[0, 1, 0, 9] > 0


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"channels": "some"}, "channels 'some'.*cluster:1/4"),
        ({"channels": "cluster:1/9"}, "channels"),
        ({"channels": "9-3"}, "channels '9-3' runs backwards"),
        ({"channels": "cluster:5/4"}, "channels 'cluster:5/4' do not fit; the clusters of 4 are 1 to 4"),
        ({"rows": "2-3"}, "rows '2-3'.*random:0.1"),
        ({"rows": "0.6-0.2"}, "rows '0.6-0.2' runs backwards"),
        ({"columns": "x"}, "columns 'x'"),
        ({"mask": "star"}, "mask 'star'.*circle:0.3"),
        ({"mask": "painted"}, "mask painted"),
        ({"seed": -1}, "seed of the bend b is -1"),
        ({"sparse": 1.5}, "sparse is 1.5"),
        ({"sparse": float("nan")}, "sparse"),
        ({"plane": "1-2"}, "plane is only for plane_rotate"),
    ],
)
def test_selections_that_are_not_understood_are_refused(fields: dict, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        Bend("b", "add", "unet.mid", **fields)


@pytest.mark.parametrize("plane", ["1-1", "0-4", "3", "7-9/8"])
def test_planes_that_do_not_exist_are_refused(plane: str) -> None:
    with pytest.raises(BadInput, match="plane"):
        Bend("b", "plane_rotate", "latent.0", plane=plane)


def test_a_place_that_does_not_suit_is_refused_with_those_that_do() -> None:
    with pytest.raises(BadInput, match=r"hue does not suit the site unet\.mid; it suits picture"):
        Bend("b", "hue", "unet.mid")
    with pytest.raises(BadInput, match=r"it suits latent\.<step>, latent\.end, unet\.in"):
        Bend("b", "zoom", "text")
    with pytest.raises(BadInput, match="use channels or rows"):
        Bend("b", "add", "text", mask="circle")


def test_channels_and_groups_that_do_not_fit_are_refused_when_the_plan_is_made() -> None:
    measures = {"latent.0": Measure(4, 1.0)}
    for bend, words in (
        (Bend("b", "plane_rotate", "latent.0", plane="4-6/8"), "8 groups"),
        (Bend("b", "six_plane_rotate", "latent.0", "0-2"), "4 groups"),
        (Bend("b", "add", "latent.0", "2-7"), "0-3"),
        (Bend("b", "add", "unet.mid"), r"this model has latent\.0"),
    ):
        with pytest.raises(BadInput, match=words):
            CompiledPlan(BendPlan((bend,)), measures, torch.device("cpu"))


def test_channels_that_a_site_lacks_are_refused_with_the_bend_that_asks_for_them() -> None:
    with pytest.raises(BadInput, match=r"bend tilt at latent\.end: channels 4-11 do not fit.*channels 0-3"):
        check_bend(Bend("tilt", "multiply", "latent.end", channels="4-11"), Measure(4, 1.0))
