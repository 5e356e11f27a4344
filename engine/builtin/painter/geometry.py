"""The geometric forms: fixed figures of light that slow noise bends; each returns what a form of ``forms`` does."""

import math

import torch

from engine.builtin.painter.fields import Fields
from engine.builtin.painter.shapes import away, glow, past, polar, step, warp


def _line(phase, sharpness: float):
    """A line of light wherever ``phase`` is a multiple of a full turn; smooth everywhere."""
    return torch.exp(sharpness * (torch.cos(phase) - 1))


def rings(f: Fields):
    x, y = f.x + 0.045 * f(2, 12), f.y + 0.045 * f(3, 12)
    r, _ = polar(x, y)
    phase = 16.0 * r + 0.25 * f(0, 9) - 1.0
    hoop = _line(phase, 1.7)
    # Lit from the upper left, each ring looks like a tube: bright on one flank, dark on the other.
    lean = torch.sin(phase) * (x + 1.3 * y) / (r + 0.12)
    lit = torch.sigmoid(2.6 * lean + 0.9 * f(1, 4) + 0.1)
    edge = _line(phase - 1.5, 6.0) * torch.sigmoid(2.2 * f(2, 4) + 0.3)
    fade = torch.exp(-0.4 * r)
    first = fade * hoop * (0.14 + 1.6 * lit)
    second = fade * (1.5 * edge * r / (r + 0.1) + 0.4 * hoop * (1 - lit) ** 3) + 0.9 * torch.exp(-60 * r * r)
    white = 0.7 * (hoop * lit) ** 4 * fade + 0.5 * torch.exp(-110 * r * r)
    return 0.2 * fade, first, second, white


def starburst(f: Fields):
    x, y = warp(f, 0.045)
    r, angle = polar(x, y)
    turn = angle + 0.06 * f(0, 9)
    # The rays fade towards the middle, where angles crowd.
    apart = r * r / (r * r + 0.02)
    ray = 0.3 + apart * (_line(9 * turn, 1.8) - 0.3)
    long = 0.5 + 0.5 * torch.cos(3 * turn + 0.4)
    dust = torch.sigmoid(1.8 * f.octaves(1, 3, 2))
    reach = torch.exp(-r * (1.7 - 1.0 * long))
    first = 1.7 * reach * (0.02 + ray) * (0.30 + dust) + 0.35 * torch.exp(-3 * r)
    between = 0.3 + apart * (_line(9 * turn + math.pi, 2.5) - 0.3)
    second = 1.7 * torch.exp(-2.2 * r) * between * (0.3 + dust) + 1.4 * torch.exp(-6 * r)
    white = 1.6 * torch.exp(-34 * r * r) + 0.5 * ray**2 * torch.exp(-3.6 * r)
    return 0.15 + 0.2 * torch.exp(-2 * r), first, second, white


def grid(f: Fields):
    sway = 0.10 * f(2, 14)
    below = f.y - 0.06 - 0.02 * f(3, 14)
    floor = step(below, 0.032)
    near = past(below) + 0.25
    across = _line(5.0 * (f.x - sway) / near, 4.0)
    along = _line(5.5 / near, 4.0)
    clear = 1 - torch.exp(-5 * past(below))
    lines = (across + along - 0.6 * across * along) * clear
    pulse = torch.sigmoid(1.8 * f(0, 3))
    hill = step(below + 0.06 + 0.10 * torch.sigmoid(1.4 * f(1, 1.8, 6)), 0.04) * (1 - floor)
    d = torch.sqrt((f.x - sway) ** 2 + (below + 0.22) ** 2 + 1e-4)
    # The bands across the sun widen towards the horizon.
    bands = step(torch.cos(34 * below) + 3.0 * past(-below) - 0.1, 0.9)
    sun = step(0.42 - d, 0.05) * (1 - floor) * (1 - hill)
    sky = (1 - floor) * (1 - hill)
    haze = torch.exp(-4.5 * away(below))
    land = floor * (0.06 + lines * (0.6 + 1.1 * pulse) + 0.45 * haze) + 0.05 * hill
    first = (land + sky * (0.05 + 0.8 * haze + 0.10 * torch.sigmoid(2 * f(1, 5, 2)))) * (1 - 0.85 * sun)
    second = sun * bands * 1.5 + sky * 0.35 * torch.exp(-5 * past(d - 0.4)) * (1 - sun)
    second = second + floor * 0.45 * torch.exp(-7 * past(below)) * torch.exp(-3 * (f.x - sway) ** 2)
    white = 0.55 * sun * bands * step(-below - 0.35, 0.4) + 0.45 * floor * lines * lines * pulse
    return 0.15 + 0 * d, first, second, white


def _skyline(f: Fields, towers, channel: int, swing: float):
    """How far the roofs of ``(centre, half width, height)`` towers reach above the middle line, as a map."""
    x = f.x + 0.04 * f(2, 14)
    grow = swing * f(channel, 4, 10)
    roof = 0 * grow - 0.45
    for centre, half, height in towers:
        inside = step(half - (x - centre).abs(), 0.022)
        roof = torch.maximum(roof, -0.45 + inside * (0.45 + height + grow))
    return roof


_FAR = ((-0.88, 0.10, 0.12), (-0.62, 0.09, 0.34), (-0.30, 0.11, 0.22), (0.02, 0.09, 0.52), (0.32, 0.11, 0.24),
        (0.58, 0.10, 0.40), (0.90, 0.10, 0.18))  # fmt: skip
_NEAR = ((-0.98, 0.14, 0.16), (-0.74, 0.10, -0.08), (-0.46, 0.12, 0.26), (-0.14, 0.11, -0.06), (0.18, 0.13, 0.12),
         (0.44, 0.10, -0.12), (0.74, 0.13, 0.32), (0.98, 0.10, -0.04))  # fmt: skip


def city(f: Fields):
    up = 0.06 - f.y
    far = step(_skyline(f, _FAR, 0, 0.06) - up, 0.022)
    near = step(_skyline(f, _NEAR, 1, 0.06) - up, 0.022)
    shore = f.y - 0.42
    water = step(shore, 0.03)
    cloud = 0.55 + 0.9 * torch.sigmoid(1.6 * f(2, 5, 1.6))
    haze = torch.exp(-2.3 * up.clamp(min=0)) * cloud
    # Lamps burn where the noise is high, brightest on a lattice of windows.
    windows = (0.5 + 0.5 * torch.cos(36 * f.x)) * (0.5 + 0.5 * torch.cos(36 * f.y))
    lamps = torch.sigmoid(3.2 * (f(3, 1.0) - 0.1)) * (0.12 + 1.9 * windows)
    behind, between = (1 - far) * (1 - near), far * (1 - near)
    first = behind * (0.06 + 1.0 * haze) + between * (0.10 + 0.34 * torch.exp(-3 * (up + 0.3).clamp(min=0)))
    first = first + near * (0.03 + 0.22 * torch.sigmoid(2 * f(0, 2.5)) * step(f.y - 0.2, 0.6))
    second = near * 1.4 * lamps + between * 0.5 * lamps + behind * 0.5 * torch.exp(-6 * up.clamp(min=0)) * cloud
    streak = torch.sigmoid(2.8 * (f(3, 1.0, 6) - 0.3))
    glitter = 0.25 + 0.85 * torch.sigmoid(2.6 * f(1, 4, 0.9))
    sink = torch.exp(-1.6 * shore.clamp(min=0))
    first = (1 - water) * first + water * sink * glitter * (0.10 + 0.95 * torch.sigmoid(2.4 * f(0, 1.2, 6)))
    second = (1 - water) * second + water * sink * glitter * 1.4 * streak
    white = (1 - water) * near * 0.5 * lamps**2 + water * 0.3 * sink * (streak * glitter) ** 2
    return 0.15 + 0 * near, first, second, white


def kaleidoscope(f: Fields):
    x, y = f.x + 0.045 * f(2, 12), f.y + 0.045 * f(3, 12)
    r, angle = polar(x, y)
    # The lobes fade towards the middle, where angles crowd.
    lobes = r * r / (r * r + 0.04)
    turn = angle + 0.05 * f(0, 10)
    six, twelve = lobes * torch.cos(6 * turn), lobes * torch.cos(12 * turn)
    wave = torch.cos(10.0 * r + 1.5 * six + 0.5 * f(0, 6))
    weave = torch.cos(7.0 * r - 1.4 * six + 0.5 * twelve + 0.5 * f(1, 6) + 1.0)
    glass = torch.sigmoid(3.0 * wave + 0.5 * f(2, 3) + 0.4)
    shade = torch.sigmoid(2.4 * weave + 1.0)
    seam = torch.exp(-9 * (wave * weave) ** 2)
    fade = torch.exp(-0.45 * r)
    depth = 0.35 + 0.9 * torch.sigmoid(1.6 * f(3, 3) + 1.2 * twelve)
    first = fade * glass * shade * 1.7 * depth + 0.04
    second = fade * (0.95 * (1 - glass) * (1 - shade) * torch.sigmoid(4 * six) + 0.9 * seam * (1 - glass) * shade)
    second = second + 0.9 * torch.exp(-14 * r * r)
    white = 0.9 * torch.exp(-60 * r * r) + 0.3 * seam**2 * glass * shade
    return 0.15 * fade, first, second, white


def circuit(f: Fields):
    x, y = 9.6 * (f.x + 0.04 * f(2, 12)), 9.6 * (f.y + 0.04 * f(3, 12))
    # The zero lines of cos x cos y are a lattice; noise decides at each crossing which way its path turns, unless
    # a node joins all four.
    lattice = torch.cos(x) * torch.cos(y)
    crossing = (torch.sin(x) * torch.sin(y)) ** 2
    live = torch.sigmoid(4.0 * (f(3, 1.6) - 0.5))
    node = torch.exp(4.0 * (crossing - 1)) * live
    level = lattice + 0.26 * f(0, 1.6) * (1 - node)
    slope = torch.sqrt((torch.sin(x) * torch.cos(y)) ** 2 + (torch.cos(x) * torch.sin(y)) ** 2 + 0.10)
    path = glow(torch.sqrt((level / slope) ** 2 + 0.008), 0.22)
    halo = glow(level / slope, 0.65)
    power = torch.sigmoid(2.6 * f(1, 4) + 0.3)
    pulse = torch.sigmoid(3.6 * (f(2, 1.8) - 0.5))
    first = 2.0 * path * (0.12 + power) + 0.40 * halo * power
    second = 1.6 * path * pulse + 1.6 * node + 0.25 * halo * pulse
    white = 0.6 * path**2 * pulse * power + 1.3 * node**3
    return 0.3 + 0 * path, first, second, white


def glitch(f: Fields):
    # Fields long in one direction and short in the other: rows slide sideways, and rows times columns make blocks.
    row, column = f(1, 9, 0.9), f(2, 1.5, 9)
    tear = 0.15 * torch.tanh(2.0 * f(0, 11, 0.9))
    x, y = f.x + tear, f.y + 0.05 * f(3, 14)

    def disc(shift: float):
        return step(0.56 - torch.sqrt((x + shift) ** 2 + y * y + 1e-4), 0.05)

    left, right = disc(0.06), disc(-0.08)
    lit = torch.sigmoid(4.0 * row + 0.6)
    block = torch.sigmoid(4.0 * (row - 0.5)) * torch.sigmoid(4.0 * (column - 0.2))
    other = torch.sigmoid(4.0 * (-row - 0.6)) * torch.sigmoid(4.0 * (-column - 0.4))
    scan = 0.70 + 0.30 * torch.cos(25 * f.y)
    shade = 0.35 + 1.1 * step(0.3 - y, 1.4)
    trail = torch.exp(-1.6 * (x.abs() - 0.35).clamp(min=0)) * torch.exp(-2.2 * y * y)
    first = left * shade * scan * (0.45 + 1.0 * lit) + (1 - left) * (0.9 * block + 0.25 * trail * lit)
    second = right * (1 - left) * (0.5 + lit) * 1.4 + 1.1 * other * (1 - 0.75 * left)
    white = 0.4 * left * block * shade**2 + 0.4 * left * (1 - right) * lit
    return 0.2 + 0 * left, first, second, white


def fractal(f: Fields):
    x, y = warp(f, 0.05)
    re, im = 1.22 * (0.94 * x - 0.34 * y), 1.22 * (0.34 * x + 0.94 * y)
    # Near the constant of Douady's rabbit.
    c_re, c_im = -0.12 + 0.05 * f(0, 11), 0.74 + 0.05 * f(1, 11)
    bead, thread, size = 0 * c_re, 0 * c_re, 1.0
    for _ in range(4):
        # Orbit traps: a point and a ring that light up where the orbit passes them.
        distance = torch.sqrt(re * re + im * im + 1e-3)
        bead = bead + size * torch.exp(-14 * distance * distance)
        thread = thread + size * glow(distance - 0.62, 0.10)
        size = 0.85 * size
        re, im = re * re - im * im + c_re, 2 * re * im + c_im
    # Grows slowly with the distance from the set, however fast the orbit escapes.
    outside = torch.log1p(torch.log1p(re * re + im * im))
    halo = torch.exp(-1.1 * outside)
    dust = torch.sigmoid(1.8 * f.octaves(2, 3, 2))
    first = 1.05 * thread * (0.35 + 0.9 * dust) + 0.55 * halo * (0.5 + dust)
    second = 1.5 * bead * (0.45 + dust) + 0.25 * torch.exp(-((outside - 1.6) ** 2) * 8) * dust
    white = 0.22 * bead**3 + 0.16 * (thread * dust) ** 2
    return 0.25 + 0 * dust, first, second, white


GEOMETRY = {form.__name__: form for form in (
    rings, starburst, grid, city, kaleidoscope, circuit, glitch, fractal,
)}  # fmt: skip
