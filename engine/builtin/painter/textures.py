"""Forms that fill the whole picture: stone, water light, metal, oil, coral, sand and plasma.

They keep the contract of the other forms: each takes fields and returns ``(ground, first, second, white)``, maps of
light ``(batch, height, width)``, all >= 0, gentle and local.
"""

import torch

from engine.builtin.painter.fields import Fields
from engine.builtin.painter.shapes import glow, step


def _relief(f: Fields, channel: int, sigma: float):
    """How much the height field ``channel`` leans towards a light at the upper left; about unit variance."""
    return 0.7 * (f(channel, sigma, dx=1) + f(channel, sigma, dy=1))


def _band(f: Fields, channel: int, sigma: float, **slope: int):
    """One scale of a channel only: a blur less what a wider one explains of it; about unit variance."""
    wider = 1.4 * sigma
    # Correlation of two Gaussian blurs of the same white noise in two dimensions.
    shared = 2 * sigma * wider / (sigma**2 + wider**2)
    if slope:
        shared **= 2
    return (f(channel, sigma, **slope) - shared * f(channel, wider, **slope)) / (1 - shared**2) ** 0.5


def _cells(f: Fields, sigma: float, gain: float):
    """Soft cells around four channels' peaks: each channel's share of a place, and how near a border is (0..0.75)."""
    share = torch.softmax(gain * torch.stack([f(k, sigma) for k in range(4)], 1), 1)
    return share, 1 - (share * share).sum(1)


def marble(f: Fields):
    bed = f(0, 5) + 0.5 * f(0, 2.2)
    cross = f(1, 4) + 0.45 * f(1, 1.8)
    vein, thin = glow(bed, 0.17), glow(cross, 0.14)
    # The stone changes where a vein runs, so that plates lie over one another.
    slab = torch.sigmoid(2.8 * bed + 1.4 * cross + 0.9 * f(2, 6))
    lit = torch.sigmoid(1.6 * _relief(f, 0, 5) + 1.2 * _relief(f, 1, 2.5))
    gone = torch.sigmoid(2.2 * f(3, 5))
    first = (0.14 + 1.2 * slab) * (0.2 + 1.35 * lit**1.5) * (1 - 0.5 * glow(bed, 0.4)) + 0.2 * thin
    second = 1.3 * vein * (0.35 + lit) + 0.8 * thin * gone + 0.2 * glow(bed, 0.6) * gone
    return 0.3 + 0 * bed, first, second, 0.6 * (slab * lit) ** 5 + 0.5 * vein**2 * lit


def caustics(f: Fields):
    _, edge = _cells(f, 2.2, 3.2)
    _, deep = _cells(f, 4.5, 2.0)
    net = (edge / 0.6) ** 3
    shaft = torch.sigmoid(2.0 * f(1, 5) + 0.5 - 1.2 * f.y)
    first = 0.05 + 0.4 * (1 - edge) * shaft + 1.2 * net * (0.15 + shaft)
    second = 0.6 * net**1.5 * torch.sigmoid(2.2 * f(2, 5) - 0.4) + 0.35 * (deep / 0.6) ** 3 * (1 - shaft)
    return 0.4 * shaft, first, second, 0.6 * net**2 * shaft**2


def metal(f: Fields):
    lean_x = 0.85 * f(0, 4.5, dx=1) + 0.4 * f(0, 2.5, dx=1)
    lean_y = 0.85 * f(0, 4.5, dy=1) + 0.4 * f(0, 2.5, dy=1)
    up = 0.9 * lean_y + 0.4 * lean_x
    side = 0.9 * lean_x - 0.4 * lean_y
    sky = torch.sigmoid(3.0 * (up - 0.1))
    horizon = glow(up - 0.25, 0.22)
    lamp = torch.exp(-1.6 * ((up - 1.1) ** 2 + (side - 0.2) ** 2))
    floor = torch.exp(-1.5 * (up + 1.3) ** 2)
    first = 0.03 + 0.9 * sky * (0.25 + 0.8 * torch.sigmoid(1.8 * side)) + 0.55 * horizon
    second = 0.8 * floor * torch.sigmoid(1.5 * side + 0.5) + 0.45 * glow(up - 0.1, 0.2)
    return 0.12 + 0 * up, first, second, 1.1 * lamp + 0.35 * horizon**2


def oil(f: Fields):
    film = 2.5 * f(0, 5.5) + 0.6 * f(0, 2.8) + 4.2 * f.x + 2.8 * f.y
    lit = torch.sigmoid(1.6 * _relief(f, 0, 4.5) + 0.8 * _relief(f, 1, 2.2))
    sheen = torch.sigmoid(2.4 * f(1, 5) + 1.0)
    wave = torch.cos(film)
    body = (0.5 + 0.5 * wave) ** 1.6
    rim = (0.5 + 0.5 * torch.cos(film - 2.2)) ** 7
    edge = (0.5 + 0.5 * torch.cos(film + 1.3)) ** 10
    light = (0.12 + 0.9 * sheen) * (0.3 + 1.5 * lit**1.3)
    first = 1.35 * body * light + 0.04
    second = 1.25 * rim * light + 0.12 * (1 - body) ** 2 * torch.sigmoid(2 * f(3, 5) - 0.5)
    return 0.2 * sheen, first, second, 0.6 * edge * light * lit**1.5


def coral(f: Fields):
    body = _band(f, 0, 1.7)
    lean = 0.7 * (_band(f, 0, 1.7, dx=1) + _band(f, 0, 1.7, dy=1))
    tube = torch.sigmoid(4 * body + 0.9)
    lit = torch.sigmoid(2.0 * lean + 0.6 * body)
    near = torch.sigmoid(2.2 * f(1, 6) + 0.9)
    first = tube * (0.15 + 1.45 * lit) * (0.3 + 0.9 * near)
    second = 0.4 * (1 - tube) ** 2 * torch.sigmoid(2.4 * f(2, 5) - 1.2)
    second = second + 0.8 * glow(body + 0.4, 0.3) * (1.1 - lit) * near
    return 0.1 + 0.2 * near, first, second, 0.9 * (tube * lit) ** 4 * near


def dunes(f: Fields):
    sun_x, sun_y = f.x - 0.35 - 0.15 * f(2, 14), f.y + 0.24 - 0.04 * f(3, 14)
    d = torch.sqrt(sun_x**2 + sun_y**2 + 1e-4)
    first = 0.06 + 0.5 * torch.exp(-2.6 * (f.y + 0.25).abs())
    second = 0.9 * torch.exp(-3.2 * (f.y + 0.25).abs()) * torch.exp(-0.9 * d) + 0.7 * torch.exp(-4 * d)
    white = 1.5 * step(0.13 - d, 0.08) + 0.4 * torch.exp(-5 * d)
    for k, (base, swing, reach) in enumerate(((-0.16, 0.05, 5), (0.08, 0.12, 5), (0.48, 0.16, 6))):
        ridge = f.y - base - swing * f(k, reach, 9)
        mask = step(ridge, 0.05)
        down = ridge.clamp(min=0)
        ripple = f((k + 1) % 4, 3.5, 0.95)
        # The smooth windward side faces the sun; the lee falls away into shade.
        lit = torch.sigmoid(3.0 * f(k, reach, 9, dx=1) + 0.7 * ripple + 0.9 * f.x + 0.5 - 1.8 * down)
        rim = torch.exp(-down / 0.05)
        sand = (0.7 + 0.22 * k) * (0.5 + 0.7 * torch.exp(-2 * down)) + 0.4 * rim
        first = first * (1 - mask) + mask * (0.05 + sand * lit)
        second = second * (1 - mask) + mask * (0.5 * rim * lit + 0.3 * torch.exp(-2 * d) * lit + 0.1 * (1 - lit))
        white = white * (1 - mask) + mask * 0.4 * rim * lit**3
    return 0.2 + 0 * d, first, second, white


def plasma(f: Fields):
    share, edge = _cells(f, 4.5, 2.6)
    peak = (share * torch.stack([f(k, 4.5) for k in range(4)], 1)).sum(1)
    halo, core, hot = (torch.sigmoid(gain * (peak - level)) for gain, level in ((3.0, 1.0), (3.4, 1.75), (3.6, 2.3)))
    wisp = 0.7 * (f(0, 3.4) - f(1, 3.4)) + 0.35 * (f(2, 1.4) - f(3, 1.4))
    strand = 0.7 * (f(2, 3.4) - f(3, 3.4)) + 0.35 * (f(0, 1.4) - f(1, 1.4))
    thread, fork = glow(wisp, 0.2), glow(strand, 0.18)
    cloud = torch.sigmoid(2.6 * f(2, 2.5) + 1.0 * f(0, 1.5))
    border = (edge / 0.65) ** 2
    first = 1.3 * halo * (0.12 + 0.88 * cloud) * (1 - 0.6 * core) + 0.35 * glow(wisp, 0.5) * (0.3 + halo)
    first = first + 0.9 * thread * (0.15 + halo)
    second = 1.1 * core * (0.35 + 0.65 * cloud) + 0.9 * fork * border + 0.12 * border**2
    return 0.12 + 0.2 * halo, first, second, 0.9 * hot**1.5 + 0.6 * thread**2 * halo


TEXTURES = {f.__name__: f for f in (marble, caustics, metal, oil, coral, dunes, plasma)}
