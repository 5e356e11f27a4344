"""Every registered operator at every kind of site: neutral, changing, finite, shape kept."""

from __future__ import annotations

import pytest
import torch
from torch.fx.experimental.proxy_tensor import make_fx

from bentlight.errors import BadInput
from engine.bends import OPERATORS, RUNTIMES, Bend
from engine.bends.kernels import KERNELS, bend_activation, choose_channels, settle

SITES = {
    "text": ("text", (1, 32, 24, 1)),
    "latent": ("latent.0", (1, 4, 8, 8)),
    "unet": ("unet.mid", (2, 34, 11, 20)),
    "decoder": ("decoder.1", (1, 16, 32, 32)),
    "picture": ("picture", (1, 3, 48, 70)),
    "weights": ("weights.unet.in", (1, 16, 8, 9)),
}
SD = 2.5
CASES = [(name, kind) for name, op in OPERATORS.items() for kind in SITES if kind in op.kinds]
each_case = pytest.mark.parametrize(("name", "kind"), CASES)
# A value beside a level, or half way between two steps, may fall on either side of it.
JUMPS = {"hard_threshold", "shrink_threshold", "binary_threshold", "quantise"}


def activation(kind: str, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Noise on a slope along every axis: what an activation is, and what takes a mean has one to take."""
    generator = torch.Generator().manual_seed(11)
    shape = SITES[kind][1]
    x = 0.2 + torch.randn(shape, generator=generator)
    for axis in (1, 2, 3):
        slope = torch.linspace(-0.4, 0.4, shape[axis]) if shape[axis] > 1 else torch.zeros(1)
        x = x + slope.reshape([-1 if a == axis else 1 for a in range(4)])
    return (SD * x).to(dtype)


def bent(name: str, kind: str, x: torch.Tensor, values: list[float], channels: str = "all", **fields) -> torch.Tensor:
    bend = Bend("b", name, SITES[kind][0], channels, **{"seed": 3, **fields})
    bank = torch.tensor(values, dtype=torch.float32)
    setting = settle(bend, x.shape, x.dtype, x.device)
    return bend_activation(name, x, [bank[i] for i in range(len(values))], setting, SD)


def neutral(name: str) -> list[float]:
    return [float(p.default) for p in OPERATORS[name].parameters]


def lively(name: str) -> list[float]:
    """Fully wet, every parameter well off neutral."""
    parameters = OPERATORS[name].parameters[:-1]
    return [p.default + 0.6 * ((p.high if p.high != p.default else p.low) - p.default) for p in parameters] + [1.0]


def settings(name: str) -> list[list[float]]:
    """Fully wet, with one parameter on the way to either end or there, the others at neutral or off it."""
    rest = neutral(name)[:-1]
    found = []
    for index, parameter in enumerate(OPERATORS[name].parameters[:-1]):
        for end in (parameter.low, parameter.high):
            for part in (0.35, 1.0):
                for others in (rest, lively(name)[:-1]):
                    values = [*others, 1.0]
                    values[index] = rest[index] + part * (end - rest[index])
                    if values not in found and values != neutral(name):
                        found.append(values)
    return found or [[1.0]]


def test_catalogue_and_kernels_name_the_same_operators() -> None:
    assert set(KERNELS) == set(OPERATORS)


@pytest.mark.parametrize("name", OPERATORS)
def test_a_declaration_is_whole(name: str) -> None:
    op = OPERATORS[name]
    assert op.name == name
    assert op.parameters[-1].name == "mix"
    assert len({p.name for p in op.parameters}) == len(op.parameters)
    assert op.description
    assert op.source
    assert op.kinds
    assert {"eager", "graph"} <= op.runtimes <= RUNTIMES
    for p in op.parameters:
        assert p.low <= p.default <= p.high
        assert p.low < p.high
        assert p.description


@each_case
def test_neutral_is_the_identity(name: str, kind: str) -> None:
    x = activation(kind)
    y = bent(name, kind, x, neutral(name))
    if OPERATORS[name].resamples:
        assert (y - x).abs().max() <= 1e-5 * SD
    else:
        assert torch.equal(y, x)


@each_case
def test_a_silent_mix_is_the_identity_at_every_setting(name: str, kind: str) -> None:
    x = activation(kind)
    for values in settings(name):
        assert torch.equal(bent(name, kind, x, [*values[:-1], 0.0]), x)


@each_case
def test_away_from_neutral_the_activation_changes(name: str, kind: str) -> None:
    x = activation(kind)
    wet = [*neutral(name)[:-1], 1.0]
    for index in range(max(1, len(wet) - 1)):
        own = [v for v in settings(name) if v[index] != wet[index] or len(wet) == 1]
        assert any((bent(name, kind, x, v) - x).abs().mean() > 0.05 * SD for v in own)


@each_case
def test_every_parameter_counts(name: str, kind: str) -> None:
    """With the others off neutral, where an amount would hide them."""
    x = activation(kind)
    values = settings(name)
    pictures = [bent(name, kind, x, v) for v in values]
    for index, parameter in enumerate(OPERATORS[name].parameters[:-1]):
        alike = [
            (a, b)
            for a in range(len(values))
            for b in range(a)
            if all((values[a][i] == values[b][i]) != (i == index) for i in range(len(values[a])))
        ]
        assert alike
        assert any((pictures[a] - pictures[b]).abs().mean() > 0.01 * SD for a, b in alike), parameter.name


@each_case
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_shape_and_type_are_kept_and_all_is_finite(name: str, kind: str, dtype: torch.dtype) -> None:
    for x in (activation(kind, dtype), torch.zeros(SITES[kind][1], dtype=dtype)):
        for values in [neutral(name), *settings(name)]:
            y = bent(name, kind, x, values)
            assert y.shape == x.shape
            assert y.dtype == x.dtype
            assert torch.isfinite(y).all()


@pytest.mark.parametrize(("name", "kind"), [c for c in CASES if c[0] not in JUMPS])
def test_half_precision_agrees_with_single(name: str, kind: str) -> None:
    x = activation(kind, torch.bfloat16)
    for values in settings(name):
        exact = bent(name, kind, x.float(), values)
        scale = max(1.0, float(exact.abs().mean() / x.float().abs().mean()))
        assert (bent(name, kind, x, values).float() - exact).abs().mean() < 0.03 * SD * scale


@each_case
def test_one_capture_serves_every_value(name: str, kind: str) -> None:
    """The operations are the same at every setting, so a graph captured at neutral plays all of them."""
    x = activation(kind)
    setting = settle(Bend("b", name, SITES[kind][0], seed=3, rows="0.1-0.8"), x.shape, x.dtype, x.device)

    def run(x: torch.Tensor, bank: torch.Tensor) -> torch.Tensor:
        return bend_activation(name, x, list(bank.unbind()), setting, SD)

    captured = make_fx(run)(x, torch.tensor(neutral(name)))
    for values in settings(name):
        bank = torch.tensor(values)
        assert torch.equal(captured(x, bank), run(x, bank))


@each_case
def test_the_same_bend_gives_the_same_twice(name: str, kind: str) -> None:
    x = activation(kind)
    assert torch.equal(bent(name, kind, x, lively(name)), bent(name, kind, x, lively(name)))


@each_case
def test_pictures_of_a_batch_do_not_touch_each_other(name: str, kind: str) -> None:
    one = activation(kind)[:1]
    other = one.flip(1) * 1.7
    values = lively(name)
    both = bent(name, kind, torch.cat((one, other)), values)
    torch.testing.assert_close(both[:1], bent(name, kind, one, values), rtol=0, atol=1e-4 * SD)
    torch.testing.assert_close(both[1:], bent(name, kind, other, values), rtol=0, atol=2e-4 * SD)


@each_case
def test_channels_that_are_not_chosen_stay(name: str, kind: str) -> None:
    x = activation(kind)
    values = lively(name)
    for choice in ("odd", "random:0.4", "1-2"):
        chosen = choose_channels(choice, x.shape[1], seed=3)
        if "four equal runs" in OPERATORS[name].note and len(chosen) < 4:
            with pytest.raises(BadInput, match="4 groups"):
                bent(name, kind, x, values, choice)
            continue
        others = [c for c in range(x.shape[1]) if c not in chosen]
        y = bent(name, kind, x, values, choice)
        assert torch.equal(y[:, others], x[:, others])
        if len(chosen) > 1:
            assert not torch.equal(y[:, chosen], x[:, chosen])


@each_case
def test_channels_last_gives_the_same(name: str, kind: str) -> None:
    x = activation(kind)
    values = lively(name)
    y = bent(name, kind, x.contiguous(memory_format=torch.channels_last), values)
    torch.testing.assert_close(y, bent(name, kind, x, values), rtol=0, atol=2e-4 * SD)


@pytest.mark.parametrize("size", [(64, 64), (45, 80), (90, 160), (33, 7), (1, 1), (2, 3)])
@pytest.mark.parametrize("name", [n for n, op in OPERATORS.items() if "latent" in op.kinds])
def test_any_size_will_do_and_neutral_is_exact_at_each(name: str, size: tuple[int, int]) -> None:
    x = torch.randn((1, 4, *size), generator=torch.Generator().manual_seed(1))
    y = bent(name, "latent", x, neutral(name))
    assert (y - x).abs().max() <= 1e-5
    assert torch.isfinite(bent(name, "latent", x, lively(name))).all()
