"""Operators between channels: rotations, reflections, mixtures, rolls."""

from __future__ import annotations

from bentlight.parameter import Parameter
from engine.bends.catalog.declare import ANYWHERE, DRY, JAES, OWN, TURN, WEIGHTS, WET, Operator

__all__ = ["CHANNELS"]

_GROUPS = (
    "The chosen channels are cut into four equal runs, and the k-th channel of one run is paired with the k-th of "
    "another; on a latent of four channels every run is one channel, as published. Up to three channels left over stay."
)
_FOUR = frozenset({"text", "latent", "unet", "decoder"})
"""Sites with at least four channels."""
_PLANES = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))


def _turn(name: str, description: str) -> Parameter:
    return Parameter(name, 0.0, -TURN, TURN, "rad", description)


CHANNELS = (
    Operator(
        "channel_rotate",
        "rotates channel pairs (first half of the selection with the second) in their planes",
        (_turn("angle", "angle of rotation"), WET),
        WEIGHTS,
    ),
    Operator(
        "plane_rotate",
        "rotates two groups of channels in their common plane: R1 to R4 of the paper",
        (_turn("angle", "angle of rotation"), WET),
        _FOUR,
        groups=4,
        note=(
            "The bend's `plane` says which: `1-2` (R1, also when nothing is said), `0-2` (R2), `0-3` (R3), `0-1` (R4), "
            f"`1-3` or `2-3`; `5-9/16` cuts the channels into 16 runs instead of four. {_GROUPS}"
        ),
    ),
    Operator(
        "six_plane_rotate",
        "rotates four groups of channels in all six of their planes, one after the other",
        (*(_turn(f"plane_{i}{j}", f"angle in the plane of groups {i} and {j}") for i, j in _PLANES), WET),
        _FOUR,
        JAES,
        groups=4,
        note=_GROUPS,
    ),
    Operator(
        "contract_groups",
        "mixes four groups of channels by a matrix of sixteen free numbers",
        (
            *(
                Parameter(f"m{i}{j}", float(i == j), -2.0, 2.0, "", f"what group {i} takes of group {j}")
                for i in range(4)
                for j in range(4)
            ),
            WET,
        ),
        _FOUR,
        JAES,
        groups=4,
        note=f"The tensor contraction of the paper. {_GROUPS}",
    ),
    Operator(
        "contract",
        "mixes all chosen channels by a seeded matrix, reached from the identity by two turns and a stretch",
        (
            _turn("turn", "rotation in a seeded set of planes; 2 pi closes"),
            _turn("second", "rotation in another seeded set of planes, applied after the first"),
            Parameter("stretch", 0.0, -1.5, 1.5, "", "half of the seeded directions grow by e^stretch, half shrink"),
            WET,
        ),
        ANYWHERE,
        OWN,
        note=(
            "The matrix is exp(second B) exp(stretch P) exp(turn A), with A and B skew-symmetric, A A = -1, and P "
            "symmetric, P P = 1: the exponentials are cos + sin A and cosh + sinh P exactly, so that nothing is "
            "decomposed while playing."
        ),
    ),
    Operator(
        "channel_reflect",
        "turns the sign of every second channel of the selection",
        (DRY,),
    ),
    Operator(
        "group_reflect",
        "turns the sign of one of four groups of channels, passing through zero",
        (
            *(Parameter(f"group_{i}", 0.0, 0.0, 1.0, "", f"0 keeps group {i}, 1 reflects it") for i in range(4)),
            WET,
        ),
        _FOUR,
        groups=4,
        note=f"The paper's reflections 0 to 3. {_GROUPS}",
    ),
    Operator(
        "hadamard_channels",
        "replaces the channels by their Hadamard transform",
        (
            Parameter(
                "gain", 1.0, 0.0, 3.0, "", "1 is unitary; the published one is the root of the number of channels"
            ),
            DRY,
        ),
        note="Any number of channels: it is cut into powers of two, the largest first, each with a Sylvester matrix.",
    ),
    Operator(
        "channel_roll",
        "moves every channel's content on to a later channel, round and round",
        (Parameter("amount", 0.0, -1.0, 1.0, "turns", "share of the channels to move by; 1 closes the round"), WET),
        WEIGHTS,
        OWN,
        note="Between whole channels two neighbours are mixed at equal power: a slow roll neither jumps nor fades.",
    ),
    Operator(
        "channel_swap",
        "exchanges the first half of the chosen channels with the second",
        (DRY,),
        WEIGHTS,
        OWN,
    ),
)
"""Declarations of the operators in `engine.bends.kernels.channels`."""
