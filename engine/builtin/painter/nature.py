"""Forms of sky, land, water and fire, and what grows."""

import torch

from engine.builtin.painter.fields import Fields
from engine.builtin.painter.shapes import away, glow, past, polar, step, warp


def nebula(f: Fields):
    veil = f.octaves(0, 4)
    ridge = glow(veil, 0.32)
    cloud = torch.sigmoid(2.2 * f.octaves(1, 4) - 0.6)
    other = torch.sigmoid(2.2 * f.octaves(2, 5) - 1.4)
    lane = 0.25 + 0.75 * torch.sigmoid(3 * f.octaves(3, 3) + 0.8)
    first = (0.95 * cloud + 1.3 * ridge * cloud) * lane
    second = (0.9 * other**2 + 1.2 * ridge * other) * lane
    return 0.35 + 0 * veil, first, second, 0.9 * (ridge * cloud * other) ** 1.2


def galaxy(f: Fields):
    x, y = warp(f, 0.07)
    u, v = 0.92 * x + 0.39 * y, (-0.39 * x + 0.92 * y) * 1.35
    r, angle = polar(u, v)
    arm = torch.cos(2 * angle + 3.4 * torch.log(r + 0.12) + 0.7 * f(0, 8) + 0.45 * f(0, 3))
    dust = torch.sigmoid(1.6 * f.octaves(1, 2.5))
    arm = (0.5 + 0.5 * arm) ** 1.6
    disc = torch.exp(-1.9 * r) * step(1.15 - r, 0.7)
    first = disc * (0.15 + 3.2 * arm * dust)
    second = torch.exp(-5 * r) * 1.8 * (0.5 + dust) + disc * 0.95 * arm * (1 - dust)
    return 0.18 + 0 * r, first, second, 1.6 * torch.exp(-40 * r * r)


def aurora(f: Fields):
    def curtain(channel: int, base: float, reach: float):
        foot = f.y - base - 0.16 * f(channel, 5, 8) - 0.05 * f(channel, 2, 6)
        streak = 0.35 + 1.1 * torch.sigmoid(2.0 * f((channel + 1) % 4, 0.9, 6) + 0.4 * f(channel, 2.5, 6))
        # Light rises slowly from the foot upwards and ends sharply below it.
        return torch.exp(foot.clamp(max=0) / reach) * step(-foot, 0.16) * streak

    near, far = curtain(0, 0.30, 0.42), curtain(1, -0.15, 0.34)
    land = step(f.y - 0.74 - 0.07 * f(2, 2.5, 6), 0.05)
    sky = 1 - land
    first = (1.5 * near + 0.15 * (f.y + 1)) * sky
    second = (1.2 * far + 0.5 * near * near * step(0.0 - f.y, 0.8)) * sky
    return 0.45 * sky, first, second, 0.18 * near**2 * sky


def smoke(f: Fields):
    body = f.octaves(0, 5, 4, 0.6)
    light = 0.75 * f(0, 4, dx=1) + 0.75 * f(0, 4, dy=1) + 0.45 * f(0, 2, dx=1) + 0.45 * f(0, 2, dy=1)
    dense = torch.sigmoid(2.6 * body)
    lit = torch.sigmoid(1.5 * light)
    # The first colour has the larger part, or nothing would tell which of the two was said first.
    mix = torch.sigmoid(3.0 * f(1, 5) + 2.4)
    amount = dense * (0.15 + 1.7 * lit**1.5)
    return 0.25 + 0 * body, amount * mix, amount * (1 - mix) * 1.1, 0.45 * (dense * lit) ** 3


def silk(f: Fields):
    phase = 5.5 * (0.5 * f.x + 0.87 * f.y) + 1.3 * f(0, 6) + 0.6 * f(0, 3, 2.2)
    fold, slope = torch.cos(phase), torch.sin(phase)
    fine = torch.cos(2 * phase + 1.1 * f(1, 4) + 0.5)
    shade = (0.5 + 0.36 * fold + 0.14 * fine).clamp(min=0)
    sheen = torch.sigmoid(5 * (slope - 0.45 + 0.35 * f(1, 3)))
    thread = glow(fold + 0.5 * fine, 0.16)
    mix = torch.sigmoid(2.2 * f(2, 6) + 1.0 * slope)
    body = 0.06 + 1.5 * shade**2.2
    first = body * (1 - mix) + 0.12 * shade
    second = body * mix + 0.45 * thread * sheen
    return 0.2 + 0 * fold, first, second, 0.75 * sheen * shade**3 + 0.12 * thread * sheen


def tunnel(f: Fields):
    x, y = warp(f, 0.09)
    r, angle = polar(x, y)
    depth = torch.log(r + 0.06)
    ring = torch.cos(4.6 * depth + 0.6 * f(0, 7))
    sector = torch.cos(6 * angle + 1.6 * depth + 0.3 * f(1, 6))
    wall = torch.sigmoid(3.2 * ring * sector + 0.5 * f(1, 3))
    near = step(r - 0.28, 0.5)
    seam = glow(ring * sector, 0.22) * near
    first = wall * near * (0.5 + 0.9 * r)
    second = (1 - wall) * near * 0.35 + 1.0 * seam * (0.5 + r) + 1.1 * torch.exp(-5.5 * r)
    return 0.15 + 0 * r, first, second, 1.5 * torch.exp(-26 * r * r) + 0.2 * seam


def ripples(f: Fields):
    x, y = warp(f, 0.07)
    r, _ = polar(x, y * 1.25)
    phase = 16.0 * r + 0.8 * f(0, 5)
    wave = torch.cos(phase)
    crest = (0.5 + 0.5 * wave) ** 3
    fade = torch.exp(-1.0 * r)
    mix = torch.sigmoid(1.8 * f(1, 5) + 1.5 * torch.cos(phase / 2))
    first = 0.10 + 0.25 * torch.sigmoid(2 * f(3, 4)) * (0.6 - 0.4 * wave) + 1.8 * crest * fade * mix
    second = 1.8 * crest * fade * (1 - mix)
    return (
        0.3 * fade,
        first,
        second,
        0.8 * crest**2 * fade**2 * torch.sigmoid(2 * f(3, 3)) + 0.8 * torch.exp(-60 * r * r),
    )


def flower(f: Fields):
    x, y = warp(f, 0.055)
    r, angle = polar(x, y)
    turn = angle + 0.15 * f(0, 8)
    # In the middle, where angles crowd, the petals grow together.
    apart = r * r / (r * r + 0.02)
    petal = apart * torch.cos(6 * turn)
    # Divided by its slope, the distance to an outline is the same on a petal's flank as on its tip.
    slope = apart * torch.sin(6 * turn) / (r + 0.05)
    outer = (0.68 + 0.20 * petal + 0.05 * f(1, 4) - r) / torch.sqrt(1 + (1.2 * slope) ** 2)
    inner = (0.42 - 0.18 * petal + 0.04 * f(1, 4) - r) / torch.sqrt(1 + (1.08 * slope) ** 2)
    leaf, core = step(outer, 0.06), step(inner, 0.045)
    vein = 0.55 + 0.45 * petal * step(r - 0.2, 0.3)
    inner_vein = 0.55 - 0.45 * petal
    bright = torch.sigmoid(1.3 * f(2, 3) + 0.6)
    # The inner petals' shadow on the outer ones keeps the two rows apart where their colours do not.
    shade = 1 - 0.9 * torch.exp(-9 * past(-inner))
    first = leaf * (1 - core) * shade * (0.3 + 1.2 * r * vein) * (0.5 + bright) + 0.5 * glow(outer, 0.06)
    second = core * (0.35 + 1.6 * r * inner_vein) * (0.5 + bright) + 0.5 * glow(inner, 0.06)
    halo = torch.exp(-3 * past(r - 0.6)) * 0.25
    return 0.25 + halo, first, second, 1.4 * torch.exp(-70 * r * r) + 0.25 * glow(inner, 0.05)


def mountains(f: Fields):
    sun_x, sun_y = f.x - 0.2 - 0.2 * f(2, 14), f.y + 0.28 - 0.1 * f(3, 14)
    d = torch.sqrt(sun_x**2 + sun_y**2 + 1e-4)
    height = f.y
    sky_a = 0.35 + 0.5 * torch.sigmoid(3 * (-height - 0.2))
    sky_b = 0.95 * torch.exp(-2.2 * away(height - 0.15)) * (0.85 + 0.2 * f(1, 8, 2)) + 0.55 * torch.exp(-3 * d)
    white = 1.9 * step(0.2 - d, 0.05) + 0.35 * torch.exp(-6 * d)
    first, second = sky_a, sky_b
    for k, (base, swing) in enumerate(((0.10, 0.15), (0.38, 0.15), (0.66, 0.13))):
        ridge = f.y - base - swing * (0.9 * f(k, 3.2, 7) + 0.4 * f(k, 1.6, 6))
        mask = step(ridge, 0.05)
        # Mist lies in the valleys: every ridge stands dark before what is behind it.
        mist = 1 - torch.exp(-4.5 * past(ridge))
        first = first * (1 - mask) + mask * ((0.10, 0.05, 0.02)[k] + (0.62, 0.48, 0.14)[k] * mist)
        second = second * (1 - mask) + mask * (0.42, 0.24, 0.06)[k] * mist
        white = white * (1 - mask)
    return 0.1 + 0 * d, first, second, white


def lava(f: Fields):
    body = f.octaves(0, 4, 2, 0.35) + 0.1
    inside = step(body, 1.1)
    rim = glow(body - 0.1, 0.26)
    light = torch.sigmoid(1.6 * (-f(0, 4, dx=1) - f(0, 4, dy=1)))
    mix = torch.sigmoid(3.2 * f(1, 4.5) + 3.6)
    core = torch.sigmoid(3 * (body - 1.0))
    first = inside * (0.35 + 1.0 * light) * mix + 0.25 * (1 - inside) * glow(body, 0.8)
    second = inside * (0.25 + 1.0 * light) * (1 - mix) + 0.5 * rim * (0.3 + light) + 0.1 * core
    return 0.3 + 0 * body, first, second, 0.6 * (inside * light) ** 5 + 0.15 * core


def lightning(f: Fields):
    a, b = f(0, 5) + 0.45 * f(0, 2.2), f(1, 5) + 0.35 * f(1, 2.4)
    power, spark = torch.sigmoid(2 * f(2, 5) + 0.6), torch.sigmoid(2 * f(3, 4) - 0.4)
    first = 1.2 * glow(a, 0.6) * power + 0.8 * glow(b, 0.55) * spark
    second = 1.5 * glow(a, 0.24) * power + 1.1 * glow(b, 0.24) * spark
    return 0.25 + 0 * a, first, second, 1.2 * glow(a, 0.17) * power + 0.8 * glow(b, 0.17) * spark


def crystal(f: Fields):
    sites = torch.stack([f(k, 2.6) for k in range(4)], 1)
    share = torch.softmax(5 * sites, 1)
    top = sites.topk(2, dim=1).values
    edge = glow(top[:, 0] - top[:, 1], 0.13)
    # Each cell leans its own way, like cut glass.
    lean = (share * torch.stack([f(k, 2.6, dx=k % 2, dy=1 - k % 2) for k in range(4)], 1)).sum(1)
    facet = 0.25 + 1.3 * torch.sigmoid(1.5 * lean)
    first = facet * (1.1 * share[:, 0] + 0.25 * share[:, 1] + 0.35 * share[:, 2])
    second = facet * (1.1 * share[:, 1] + 0.3 * share[:, 2] + 0.08 * share[:, 3])
    lines = 1 - 0.8 * edge
    return 0.12 + 0 * edge, first * lines, second * lines, 0.25 * (facet - 0.9).clamp(min=0) * lines


def ocean(f: Fields):
    sun_x, sun_y = f.x - 0.2 * f(2, 14), f.y + 0.36 - 0.08 * f(3, 14)
    d = torch.sqrt(sun_x**2 + sun_y**2 + 1e-4)
    below = f.y + 0.02
    water = step(below, 0.03)
    depth = below.clamp(min=0)
    swell = (1 - depth) * f(0, 3.5, 0.6) * 0.9 + (0.35 + depth) * f(0, 5, 1.3) * 0.9
    crest = torch.sigmoid(2.2 * swell)
    path = torch.exp(-((sun_x / (0.14 + 0.42 * depth)) ** 2))
    sky = 1 - water
    first = sky * (0.25 + 0.35 * torch.sigmoid(-3 * f.y - 1)) + water * (0.12 + 0.85 * crest * (0.3 + 0.7 * depth))
    second = sky * (0.9 * torch.exp(2.0 * below.clamp(max=0)) * (0.9 + 0.2 * f(1, 8, 1.6)) + 0.6 * torch.exp(-3.5 * d))
    second = second + water * (1.5 * path * crest**2 + 0.45 * torch.exp(-5 * depth))
    white = sky * (1.8 * step(0.17 - d, 0.05) + 0.3 * torch.exp(-6 * d)) + water * 1.1 * path * crest**4
    return 0.15 + 0 * d, first, second, white


def fire(f: Fields):
    tongue = f(0, 2.6, 5) + 0.6 * f(0, 1.3, 3)
    heat = 0.6 * tongue + 1.9 * f.y - 0.25 + 0.4 * f(1, 6)
    first = 1.5 * torch.sigmoid(2.6 * heat) * (0.15 + 0.95 * torch.sigmoid(2.2 * f(1, 1.8, 3.5)))
    hot = 0.8 * tongue + 1.9 * f.y - 2.0
    second = 0.95 * torch.sigmoid(2.6 * hot) * (0.35 + 0.9 * torch.sigmoid(2 * f(2, 1.6, 3))) + 0.35 * glow(heat, 0.32)
    return 0.25 * torch.sigmoid(2 * heat + 2), first, second, 0.6 * torch.sigmoid(3 * (hot - 0.9))


def eclipse(f: Fields):
    x, y = warp(f, 0.06)
    r, angle = polar(x, y)
    out = past(r - 0.42)
    disc = step(r - 0.42, 0.035)
    plume = torch.sigmoid(1.6 * f(0, 2.5) + 1.2 * torch.cos(3 * angle + 0.5 * f(1, 7)))
    first = disc * (1.5 * torch.exp(-2.6 * out) * (0.25 + plume) + 0.2 * torch.exp(-1.2 * out))
    second = disc * (1.9 * torch.exp(-7 * out) * (0.4 + plume))
    white = disc * 1.8 * torch.exp(-24 * out)
    return 0.12 + 0.15 * disc, first, second, white


NATURE = {f.__name__: f for f in (
    nebula, galaxy, aurora, smoke, silk, tunnel, ripples, flower, mountains, lava, lightning, crystal, ocean, fire,
    eclipse,
)}  # fmt: skip
