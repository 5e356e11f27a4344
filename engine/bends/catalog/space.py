"""Operators on the picture plane: geometry, smoothing, morphology, spatial frequency."""

from __future__ import annotations

from bentlight.parameter import Parameter
from engine.bends.catalog.declare import (
    AIART,
    BROAD,
    DRY,
    FEATURES,
    OWN,
    SPATIAL,
    TORCH_ONLY,
    TURN,
    WET,
    Operator,
)

__all__ = ["SPACE"]

_RADIUS = Parameter("radius", 0.0, 0.0, 3.0, "site pixels", "half width of the element")
_MORPHOLOGY = "Follow it with remove_mean, as in the paper's figures."

SPACE = (
    Operator(
        "rotate",
        "turns the activation about its centre, mirrored at the edges",
        (Parameter("angle", 0.0, -TURN, TURN, "rad", "counter-clockwise"), WET),
        SPATIAL,
        BROAD,
        True,
    ),
    Operator(
        "zoom",
        "zooms about the centre, mirrored at the edges",
        (Parameter("factor", 1.0, 0.25, 4.0, "", "above 1 magnifies"), WET),
        SPATIAL,
        BROAD,
        True,
    ),
    Operator(
        "translate",
        "shifts the activation, mirrored at the edges",
        (
            Parameter("x", 0.0, -1.0, 1.0, "widths", "to the right"),
            Parameter("y", 0.0, -1.0, 1.0, "heights", "downwards"),
            WET,
        ),
        SPATIAL,
        BROAD,
        True,
    ),
    Operator(
        "scroll",
        "shifts the activation round: what leaves at one edge comes in at the other",
        (
            Parameter("x", 0.0, -1.0, 1.0, "widths", "to the right; a whole width closes"),
            Parameter("y", 0.0, -1.0, 1.0, "heights", "downwards; a whole height closes"),
            WET,
        ),
        SPATIAL,
        AIART,
        True,
        note="A ramp from 0 to 1 scrolls without end.",
    ),
    Operator(
        "shear",
        "slants the activation, mirrored at the edges",
        (
            Parameter("across", 0.0, -2.0, 2.0, "", "rows move right by this times their height above the centre"),
            Parameter(
                "along", 0.0, -2.0, 2.0, "", "columns move down by this times their distance right of the centre"
            ),
            WET,
        ),
        SPATIAL,
        AIART,
        True,
    ),
    Operator(
        "flip",
        "turns the activation over like a card, about its upright or its level axis",
        (
            Parameter("across", 0.0, 0.0, 1.0, "", "0.5 is edge on, 1 left-right reversed"),
            Parameter("along", 0.0, 0.0, 1.0, "", "0.5 is edge on, 1 upside down"),
            WET,
        ),
        SPATIAL,
        BROAD,
        True,
    ),
    Operator(
        "swirl",
        "twists the activation about its centre, most at the centre",
        (
            Parameter("angle", 0.0, -2 * TURN, 2 * TURN, "rad", "turn at the centre, counter-clockwise"),
            Parameter("radius", 0.4, 0.05, 1.0, "heights", "where the turn has fallen to 1/e"),
            WET,
        ),
        SPATIAL,
        AIART,
        True,
    ),
    Operator(
        "warp",
        "displaces the activation by a smooth seeded map",
        (
            Parameter("amount", 0.0, 0.0, 0.3, "heights", "root mean square of the displacement along each axis"),
            Parameter("phase", 0.0, -TURN, TURN, "rad", "lets the map's waves travel; 2 pi closes"),
            WET,
        ),
        SPATIAL,
        AIART,
        True,
        note="The map is a sum of plane waves of 0.5 to 2.5 periods per height, the same at every resolution.",
    ),
    Operator(
        "mirror",
        "folds the right half onto the left, the lower onto the upper",
        (
            Parameter("across", 0.0, 0.0, 1.0, "", "place of the fold: 0 at the right edge, 1 in the middle"),
            Parameter("along", 0.0, 0.0, 1.0, "", "place of the fold: 0 at the lower edge, 1 in the middle"),
            WET,
        ),
        SPATIAL,
        OWN,
        True,
    ),
    Operator(
        "kaleidoscope",
        "folds the plane into mirrored wedges about the centre",
        (
            Parameter("fold", 0.0, 0.0, 1.0, "", "0 leaves every pixel in its place, 1 folds it into the first wedge"),
            Parameter("wedges", 6.0, 1.0, 16.0, "", "how many pairs of wedges; between whole numbers there is a seam"),
            Parameter("angle", 0.0, -TURN, TURN, "rad", "which part of the picture is in the first wedge"),
            WET,
        ),
        SPATIAL,
        OWN,
        True,
    ),
    Operator(
        "pixelate",
        "reduces the activation to coarse cells and enlarges it again",
        (
            Parameter("cell", 0.0, 0.0, 0.5, "heights", "side of a cell; below one site pixel nothing happens"),
            WET,
        ),
        SPATIAL,
        BROAD,
        True,
        note="Cells are averaged over exact areas, so that sizes between whole pixels move smoothly.",
    ),
    Operator(
        "blur",
        "Gaussian blur",
        (Parameter("sigma", 0.0, 0.0, 0.15, "heights", "standard deviation of the kernel"), WET),
        SPATIAL,
        AIART,
    ),
    Operator(
        "sharpen",
        "adds what a blur would take away",
        (
            Parameter("amount", 0.0, 0.0, 4.0, "", "how much of the fine detail is added"),
            Parameter("sigma", 0.05, 0.005, 0.15, "heights", "what counts as fine"),
            WET,
        ),
        SPATIAL,
        OWN,
    ),
    Operator(
        "dilate",
        "grey-scale dilation with a square element; sizes in between are interpolated",
        (_RADIUS, WET),
        SPATIAL,
        note=_MORPHOLOGY,
    ),
    Operator(
        "erode",
        "grey-scale erosion with a square element; sizes in between are interpolated",
        (_RADIUS, WET),
        SPATIAL,
        note=_MORPHOLOGY,
    ),
    Operator(
        "morphological_gradient",
        "dilation less erosion: outlines",
        (Parameter("radius", 1.0, 0.0, 3.0, "site pixels", "half width of the element"), DRY),
        SPATIAL,
    ),
    Operator(
        "sobel",
        "size of the gradient, channel by channel",
        (Parameter("gain", 1.0, 0.0, 4.0, "", "1 is the gradient per site pixel"), DRY),
        SPATIAL,
    ),
    Operator(
        "hadamard_rows",
        "replaces the rows by their Hadamard transform",
        (
            Parameter("gain", 1.0, 0.0, 3.0, "", "1 is unitary; the published one is the root of the number of rows"),
            DRY,
        ),
        SPATIAL,
        note=(
            "Any number of rows: it is cut into powers of two, the largest first, each with a Sylvester matrix. Rows "
            "and columns keep their places, which the original exchanged."
        ),
    ),
    Operator(
        "matrix_exp",
        "passes each channel, taken as a matrix, through a matrix exponential",
        (Parameter("depth", 0.0, -6.0, 6.0, "", "t in A (exp(tA) - 1) / (tA), with A of Frobenius norm 1"), WET),
        FEATURES,
        note=(
            "Guarded: A is the channel divided by its own norm, the series has twelve terms, and the result is given "
            "the norm that the channel had. At 0 it is A itself. A site that is not square is padded with zeros."
        ),
    ),
    Operator(
        "frequency_shift",
        "moves every spatial frequency by the same number of cycles, as a Bode frequency shifter does to sound",
        (
            Parameter("across", 0.0, -8.0, 8.0, "cycles per width", "shift along the rows"),
            Parameter("along", 0.0, -8.0, 8.0, "cycles per height", "shift along the columns"),
            WET,
        ),
        SPATIAL,
        OWN,
        note=(
            "Single-sideband modulation with a Hilbert transform along each axis: forms stay, their inner structure "
            "turns into other gratings. Unlike a zoom it is not harmonic, as a detuned bell is not."
        ),
    ),
    Operator(
        "spectral_tilt",
        "weighs spatial frequencies by a power of their height: coarse or fine comes forward",
        (Parameter("tilt", 0.0, -2.0, 2.0, "", "exponent; 1 is 6 dB per octave towards the fine"), WET),
        SPATIAL,
        OWN,
        note="A tone control in the cosine transform; the energy of an even spectrum is kept, and so is the mean.",
    ),
    Operator(
        "phase_scramble",
        "turns the phase of every spatial frequency by a seeded angle and keeps its strength",
        (Parameter("amount", 0.0, 0.0, 1.0, "", "share of the seeded angles, which span a full turn"), WET),
        SPATIAL,
        OWN,
        runtimes=TORCH_ONLY,
        note=(
            "Form dissolves while texture and palette stay; all channels turn alike, so that they stay in register. "
            "The complex Fourier transform that it needs cannot be exported to ONNX."
        ),
    ),
)
"""Declarations of the operators in `engine.bends.kernels.space` and `engine.bends.kernels.spectrum`."""
