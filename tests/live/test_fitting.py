"""A scene as a model can play it."""

from __future__ import annotations

from types import SimpleNamespace

from live.fitting import fit_scene
from scenes import loads

SCENE = loads("""\
name: test
steps: 4
prompts: [{text: red fire}]
bends:
  - {name: first, operator: rotate, site: latent.0}
  - {name: third, operator: rotate, site: latent.2}
  - {name: last, operator: rotate, site: latent.end}
  - {name: elsewhere, operator: rotate, site: unet.skip.3}
routes:
  - {name: hit, source: onset, to: third/angle, mode: hit}
""")
SITES = ("latent.0", "latent.1", "latent.2", "latent.3", "latent.end")
GENERATOR = SimpleNamespace(model="small", sites=lambda: [SimpleNamespace(address=site) for site in SITES])


def test_bends_beyond_the_last_step_rest_and_are_told():
    scene, told = fit_scene(SCENE, GENERATOR, steps=2)
    assert [bend.name for bend in scene.bends] == ["first", "last"]
    assert not scene.routes
    assert "test with 2 steps has no place for these of its bends, they rest: third" in told
    assert "small lacks the sites of these bends of test, they rest: elsewhere" in told
    scene, told = fit_scene(SCENE, GENERATOR)
    assert [bend.name for bend in scene.bends] == ["first", "third", "last"]
    assert "no place" not in told
