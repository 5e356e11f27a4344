"""Operators that treat every value by itself, or by the statistics of its neighbours in the tensor."""

from __future__ import annotations

from bentlight.parameter import Parameter
from engine.bends.catalog.declare import (
    ANYWHERE,
    BROAD,
    DRY,
    JAES,
    OWN,
    SPATIAL,
    WEIGHTS,
    WET,
    Operator,
)

__all__ = ["VALUES"]

_CANCELLED = (
    "Where a group norm is the only reader, the same change to all channels has no effect: limit it to some of them."
)
_AUDIO_ADDERS = "The paper's adders of RMS, centroid, spread, skewness and kurtosis are routes to this one."

VALUES = (
    Operator(
        "add",
        "adds a constant; before a group norm, limit it to some channels to see anything",
        (Parameter("amount", 0.0, -4.0, 4.0, "site sd", "what is added; negative subtracts"), WET),
        WEIGHTS,
        note=f"{_CANCELLED} {_AUDIO_ADDERS}",
    ),
    Operator(
        "add_sparse",
        "adds a constant to a seeded random share of the values",
        (
            Parameter("amount", 0.0, -12.0, 12.0, "site sd", "what is added"),
            Parameter("share", 0.05, 0.0, 1.0, "", "share of the values that receive it"),
            WET,
        ),
        note="The chosen values are drawn once by the bend's seed; a greater share keeps those of a smaller one.",
    ),
    Operator(
        "noise",
        "adds Gaussian noise, fixed by the bend's seed",
        (Parameter("amount", 0.0, 0.0, 3.0, "site sd", "standard deviation of the noise"), WET),
        WEIGHTS,
        note="Fixed noise is coherent from picture to picture; the published one was fresh at every call.",
    ),
    Operator(
        "bump",
        "adds a Gaussian bump, the same at every resolution",
        (
            Parameter("amount", 0.0, -6.0, 6.0, "site sd", "height of the peak"),
            Parameter("x", 0.0, -1.0, 1.0, "half widths", "place of the peak, 0 in the middle"),
            Parameter("y", 0.0, -1.0, 1.0, "half heights", "place of the peak, downwards"),
            Parameter("size", 0.15, 0.02, 1.0, "heights", "standard deviation of the bump"),
            WET,
        ),
        SPATIAL,
        note="A place that follows a signal draws with light.",
    ),
    Operator(
        "multiply",
        "scales the activation; before a group norm, limit it to some channels to see anything",
        (Parameter("factor", 1.0, 0.0, 4.0, "", "what it is multiplied by"), WET),
        WEIGHTS,
        JAES,
        note=_CANCELLED,
    ),
    Operator(
        "hard_threshold",
        "sets values smaller than the level to zero",
        (Parameter("level", 0.0, 0.0, 3.0, "site sd", "values below this size become zero"), WET),
        WEIGHTS,
        note="On weights it prunes the small ones.",
    ),
    Operator(
        "soft_threshold",
        "shrinks values towards zero by the level",
        (Parameter("level", 0.0, 0.0, 3.0, "site sd", "how far values are shrunk"), WET),
        WEIGHTS,
        note="Written as x less its clamp, so that an exact zero stays zero.",
    ),
    Operator(
        "shrink_threshold",
        "sets values smaller than the level to zero and scales the others by 1 - level",
        (Parameter("level", 0.0, 0.0, 1.0, "site sd", "threshold, and what is taken off the factor 1"), WET),
        note="The paper's second soft threshold; its range ends where the factor would change sign.",
    ),
    Operator(
        "binary_threshold",
        "makes every value one of two, above or below the level",
        (Parameter("level", 0.0, -3.0, 3.0, "site sd", "values at or above it become +1 sd, the others -1 sd"), DRY),
        ANYWHERE,
        BROAD,
    ),
    Operator("invert", "turns the sign", (DRY,), WEIGHTS),
    Operator(
        "invert_reciprocal",
        "takes the values from a constant 1/r",
        (Parameter("r", 1.0, 0.05, 5.0, "1 / site sd", "values become 1/r - x"), DRY),
        note="The pole at r = 0 lies outside the range.",
    ),
    Operator(
        "log",
        "compresses large values by a logarithm and keeps their sign",
        (Parameter("strength", 2.0, 0.1, 50.0, "", "s in sign(x) log(1 + s |x|) / log(1 + s)"), DRY),
        note="The published log(|x|) / log(r) has poles at x = 0 and r = 1 and loses the sign.",
    ),
    Operator(
        "power",
        "raises the size of values to a power and keeps their sign",
        (Parameter("exponent", 1.0, 0.2, 3.0, "", "below 1 evens out, above 1 leaves only peaks"), WET),
        note="Sizes are counted in site sd; beyond 8 of them the factor stops growing.",
    ),
    Operator("absolute", "drops the sign", (DRY,)),
    Operator(
        "clamp",
        "holds values between two limits",
        (
            Parameter("low", -1.0, -4.0, 4.0, "site sd", "lower limit"),
            Parameter("high", 1.0, -4.0, 4.0, "site sd", "upper limit; it wins where the two cross"),
            DRY,
        ),
    ),
    Operator(
        "rescale",
        "stretches the tensor's own lowest and highest value onto a range",
        (
            Parameter("low", -2.0, -6.0, 6.0, "site sd", "where its lowest value goes"),
            Parameter("high", 2.0, -6.0, 6.0, "site sd", "where its highest value goes"),
            DRY,
        ),
    ),
    Operator(
        "wavefold",
        "drives values against a ceiling from which they fold back, as a synthesiser's wavefolder does",
        (
            Parameter("drive", 2.0, 1.0, 8.0, "", "gain before the fold"),
            Parameter("ceiling", 1.0, 0.2, 4.0, "site sd", "where values fold back"),
            DRY,
        ),
        ANYWHERE,
        OWN,
        note="Clipping only flattens; folding turns gradients into contour lines, and at the picture it solarises.",
    ),
    Operator(
        "quantise",
        "rounds values to steps",
        (Parameter("step", 1.0, 0.1, 4.0, "site sd", "distance of two steps"), DRY),
        WEIGHTS,
        OWN,
        note="A bit crusher; on weights it crushes the network itself.",
    ),
    Operator(
        "ablate",
        "sets values to zero",
        (DRY,),
        WEIGHTS,
        BROAD,
        note="Limit it to some channels or to a cluster of them.",
    ),
    Operator(
        "normalise_max",
        "scales the tensor so that its largest value has a set size",
        (Parameter("peak", 3.0, 0.25, 8.0, "site sd", "size of the largest value afterwards"), DRY),
    ),
    Operator(
        "normalise_channels",
        "gives every pixel the same length over its channels",
        (Parameter("length", 1.0, 0.1, 3.0, "", "root mean square over the channels, 1 is the site's"), DRY),
    ),
    Operator(
        "remove_mean",
        "takes off the mean of the whole, or along the channels, the rows or the columns",
        (
            Parameter("whole", 0.0, 0.0, 1.0, "", "how much of the mean of everything is taken off"),
            Parameter("channels", 0.0, 0.0, 1.0, "", "of each pixel's mean over its channels"),
            Parameter("rows", 0.0, 0.0, 1.0, "", "of each column's mean, which runs over the rows"),
            Parameter("columns", 0.0, 0.0, 1.0, "", "of each row's mean, which runs over the columns"),
            WET,
        ),
        SPATIAL,
        note="Set after dilate or erode, as in the paper's figures: morphology needs it to stay among likely latents.",
    ),
)
"""Declarations of the operators in `engine.bends.kernels.values`."""
