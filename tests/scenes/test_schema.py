"""Scene files that are refused: file, line and reason."""

import pytest

from bentlight.errors import BadInput, BadScene
from scenes import library, load, loads
from scenes.yaml_tree import BYTES_LIMIT

GOOD = """\
name: good
description: a scene that is right
model: builtin
seed: 3
prompts:
  - text: neon red fire
  - text: blue ocean
    at: 1:30
motion:
  noise_turns_per_minute: 1
bends:
  - name: hue
    operator: channel_rotate
    site: latent.end
    set: {angle: 0.2}
  - name: size
    operator: zoom
    site: unet.mid
routes:
  - name: kick
    source: onset_strength
    to: hue/angle
    mode: hit
    in: [0, 1]
    out: [0, 1.2]
  - name: swell
    source: bands.3
    to: size/factor
    curve: square
"""

CHANGES = [
    ("mode: hit", "mode: hot", 23, "follow or hit"),
    ("source: onset_strength", "source: onset_strenth", 21, "did you mean onset_strength?"),
    ("source: bands.3", "source: bands.9", 27, "did you mean bands."),
    ("site: latent.end", "site: latent.edn", 14, "did you mean latent.end?"),
    ("site: latent.end", "site: weights.mid", 14, "no site 'weights.mid'"),
    ("operator: channel_rotate", "operator: chanel_rotate", 13, "did you mean channel_rotate?"),
    ("curve: square", "curve: sqare", 29, "did you mean square?"),
    ("curve: square", "curve: 50", 29, "gamma from 0.1 to 10"),
    ("curve: square", "curve: .nan", 29, "gamma from 0.1 to 10"),
    ("out: [0, 1.2]", "out: [0, 99]", 25, "whole range of hue/angle"),
    ("out: [0, 1.2]", "out: [0, .inf]", 25, "finite"),
    ("out: [0, 1.2]", "out: [0, 1, 2]", 25, "at most 2"),
    ("out: [0, 1.2]", "out: [0, deep]", 25, "no number"),
    ("in: [0, 1]", "in: [1, 1]", 24, "must differ"),
    ("in: [0, 1]", "in: 1", 24, "a list"),
    ("set: {angle: 0.2}", "set: {angel: 0.2}", 15, "did you mean angle?"),
    ("set: {angle: 0.2}", "set: {angle: 700}", 15, "from -6.28319 to 6.28319 rad"),
    ("set: {angle: 0.2}", "set: {angle: .nan}", 15, "finite"),
    ("set: {angle: 0.2}", "set: {angle: yes}", 15, "no number"),
    ("set: {angle: 0.2}", "set:\n      mix: 0.5\n      angle: 99", 17, "from -6.28319 to 6.28319 rad"),
    ("to: hue/angle", "to: hue/angel", 22, "did you mean hue/angle?"),
    ("to: hue/angle", "to: huge", 22, "no target 'huge'"),
    ("site: unet.mid", "site: text", 18, "zoom does not suit the site text"),
    ("site: unet.mid", "site: unet.mid\n    channels: some", 19, "channels 'some' is not understood"),
    ("name: size", "name: hue", 16, "two bends called 'hue'"),
    ("name: size", "name: noise", 16, "taken"),
    ("name: size", "name: Größe", 16, "lower-case letters"),
    ("name: swell", "name: kick", 26, "two routes called 'kick'"),
    ("name: good", "name: ../../etc/passwd", 1, "lower-case letters"),
    ("model: builtin", "model: ../../secret", 3, "hub id"),
    ("model: builtin", "model: /etc/passwd", 3, "hub id"),
    ("model: builtin", "model: [a]", 3, "a text"),
    ("seed: 3", "seed: -1", 4, "greater than or equal to 0"),
    ("seed: 3", "seed: 3.5", 4, "whole number"),
    ("seed: 3", "seed: '3'", 4, "no number"),
    ("seed: 3", "steps: 9", 4, "less than or equal to 8"),
    ("seed: 3", "seed: 0x" + "f" * 3900, 4, "no number"),
    ("seed: 3", "guidance: .inf", 4, "finite"),
    ("seed: 3", "speed: 3", 4, "did you mean seed?"),
    ("prompts:", "promts:", 5, "did you mean prompts?"),
    ("- text: neon", "- txt: neon", 6, "did you mean text?"),
    ("- text: neon red fire", "- neon red fire", 6, "key: value"),
    ("- text: neon red fire\n  - text: blue ocean\n    at: 1:30", "- txt: neon red fire", 6, "did you mean text?"),
    ("- text: neon red fire\n  - text: blue ocean\n    at: 1:30", "- text: 1984", 6, "put it in quotes"),
    ("at: 1:30", "at: -.5", 8, "greater than or equal to 0"),
    ("- text: neon red fire\n  - text: blue ocean\n    at: 1:30", "", 5, "prompts is missing"),
    ("text: neon red fire", "text: ''", 6, "at least 1 character"),
    ("text: neon red fire", "text: 7", 6, "put it in quotes"),
    ("text: neon red fire", "text: " + "red " * 200, 6, "at most 300"),
    ("at: 1:30", "at: later", 8, "no number"),
    ("- text: neon red fire", "- {text: neon red fire, at: 99}", 8, "must rise"),
    ("noise_turns_per_minute: 1", "noise_turns_per_minute: 0", 10, "greater than or equal to 0.05"),
    ("noise_turns_per_minute: 1", "noises: 1", 10, "did you mean noise?"),
    ("site: unet.mid", "site: unet.mid\n    site: unet.in", 19, "'site' is given twice"),
    ("    to: size/factor\n", "", 26, "routes 2: to is missing"),
    ("    site: unet.mid\n", "", 16, "bends 2: site is missing"),
    ("to: size/factor", "to: [size, factor", 29, "not valid YAML"),
    ("curve: square", "\tcurve: square", 29, "not valid YAML"),
    ("curve: square", "? [a]\n    : b", 29, "a key must be a plain word"),
    ("source: bands.3", "source: sway\n    mode: hit", 28, "sway has no hits"),
    ("source: bands.3", "source: saw\n    hz: 1\n    mode: hit", 29, "saw has no hits"),
    ("source: bands.3", "source: saw", 27, "either hz, or beats"),
    ("source: bands.3", "source: saw\n    beats: 4\n    hz: 1", 29, "either hz, or beats"),
    ("source: bands.3", "source: saw\n    beats: 0", 28, "greater than or equal to 0.125"),
    ("source: bands.3", "source: bands.3\n    beats: 4", 28, "beats goes with an oscillator"),
    ("source: bands.3", "source: squar", 27, "did you mean square?"),
    ("curve: square", "through: [{medain: 5}]", 29, "did you mean median?"),
    ("curve: square", "through:\n      - median: 80\n      - hold: {hold: 5}", 31, "did you mean hold_ms?"),
    (
        "curve: square",
        "through:\n      - median: 80\n      - gate:\n          threshold: 2",
        32,
        "less than or equal to 1",
    ),
    ("curve: square", "through:\n      - median: 5 minutes", 30, "no number"),
    ("curve: square", "through:\n      - median: 5s", 30, "less than or equal to 3000"),
    ("curve: square", "through:\n      - median: .inf", 30, "finite"),
    ("curve: square", "through:\n      - median: yes", 30, "key: value"),
    ("curve: square", "through:\n      - normalise: 30s\n        gate: 1", 30, "give one block"),
    ("curve: square", "through:\n      - normalise:", 30, "give one block"),
    ("curve: square", "through:\n      - {}", 30, "give one block"),
    ("curve: square", "through:\n      - gat", 30, "no block 'gat'; did you mean gate?"),
    ("curve: square", "through: [7]", 29, "key: value"),
    ("curve: square", "through: normalise", 29, "a list"),
    ("curve: square", "through: [" + "gate, " * 13 + "]", 29, "at most 12"),
]


@pytest.mark.parametrize(("old", "new", "line", "reason"), CHANGES, ids=[new[:40].strip() for _, new, _, _ in CHANGES])
def test_a_bad_file_is_refused_with_file_line_and_reason(tmp_path, old, new, line, reason):
    assert GOOD.count(old) >= 1
    path = tmp_path / "bad.yaml"
    path.write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(BadScene) as caught:
        load(path)
    assert caught.value.path == str(path)
    assert caught.value.line == line
    assert reason in caught.value.reason
    assert len(str(caught.value)) < 900


HOSTILE = {
    "python object": ("neon red fire", "!!python/object/apply:os.system ['touch /tmp/x']", "tags"),
    "python name": ("neon red fire", "!!python/name:os.system", "tags"),
    "own tag": ("neon red fire", "!secret x", "tags"),
    "anchor": ("neon red fire", "&a neon red fire", "anchors"),
    "two documents": ("seed: 3", "---\nseed: 3", "one scene"),
    "deep nesting": ("seed: 3", "seed: " + "[" * 100_000, "deep"),
    "endless list": ("seed: 3", "seed: [" + "0, " * 60_000 + "0]", "entries"),
    "long value": ("neon red fire", "x" * 5000, "characters"),
    "control character": ("neon red fire", "neon \x07 fire", "not allow"),
    "escape beyond Unicode": ("neon red fire", '"\\U00110000 fire"', "escape"),
    "escape beyond a number": ("neon red fire", '"\\UFFFFFFFF fire"', "escape"),
    "half a surrogate": ("neon red fire", '"\\uD800 fire"', "unicode"),
    "merge key": ("seed: 3", "<<: {seed: 3}", "no key '<<'"),
}


@pytest.mark.parametrize(("old", "new", "reason"), HOSTILE.values(), ids=list(HOSTILE))
def test_hostile_yaml_is_refused_and_nothing_is_run(old, new, reason):
    with pytest.raises(BadScene, match=reason):
        loads(GOOD.replace(old, new, 1))


def test_a_bomb_of_aliases_is_refused_before_it_grows():
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}, *a{i - 1}]\n" for i in range(1, 60))
    with pytest.raises(BadScene, match="anchors") as caught:
        loads(bomb + GOOD)
    assert caught.value.line == 1


def test_a_huge_file_is_refused(tmp_path):
    path = tmp_path / "huge.yaml"
    path.write_text(GOOD + "# " + "x" * BYTES_LIMIT)
    with pytest.raises(BadScene, match="256 KB"):
        load(path)


def test_bytes_that_are_no_text_are_refused_at_their_line(tmp_path):
    path = tmp_path / "bytes.yaml"
    path.write_bytes(b"name: x\nprompts: \xff\xfe\n")
    with pytest.raises(BadScene, match="UTF-8") as caught:
        load(path)
    assert caught.value.line == 2


@pytest.mark.parametrize("text", ["", "# nothing\n", "just words", "- a\n- b\n", "null"])
def test_a_file_that_is_no_scene_at_all_is_refused(text):
    with pytest.raises(BadScene):
        loads(text)


def test_a_name_that_is_not_there_says_what_there_is():
    first = next(iter(library()))
    with pytest.raises(BadInput, match=f"did you mean {first}"):
        load(first + "x")
    with pytest.raises(BadInput, match="there is no scene"):
        load("a" * 300)
    with pytest.raises(BadInput, match="there is no scene"):
        load("/nowhere/at/all.yaml")


def test_the_good_file_is_read_as_it_says(tmp_path):
    path = tmp_path / "good.yaml"
    path.write_text(GOOD)
    scene = load(str(path))
    assert scene.prompts[1].at == 90
    assert scene.bends[0].resting("angle") == 0.2
    assert scene.bends[1].resting("factor") == 1
    assert scene.routes[0].in_ == (0, 1)
    assert scene.routes[1].ends == (0, 1)
    assert [address for address, _ in scene.plan.slots] == ["hue/angle", "hue/mix", "size/factor", "size/mix"]
    with pytest.raises(ValueError, match="frozen"):
        scene.name = "other"


def test_a_key_with_nothing_behind_it_is_as_if_it_were_not_there():
    plain = "name: bare\nprompts: [{text: red fire}]\n"
    empty = "name: bare\nprompts: [{text: red fire, at: }]\nbends:\nroutes:\n# - a route\nmotion: {noise: }\nseed:\n"
    assert loads(empty) == loads(plain)


def test_numbers_may_be_written_in_any_usual_way():
    read = loads("name: few\nprompts: [{text: '2e-1'}]\nguidance: 1e1\nfeedback: .5\nseed: 3e0\n")
    assert (read.guidance, read.feedback, read.seed, read.prompts[0].text) == (10.0, 0.5, 3, "2e-1")


@pytest.mark.parametrize(
    ("written", "seconds"), [("90", 90), ("1:30", 90), ("0:05", 5), ("12:00.5", 720.5), ("7.25", 7.25)]
)
def test_a_prompts_time_is_seconds_or_minutes_and_seconds(written, seconds):
    assert loads(GOOD.replace("1:30", written)).prompts[1].at == seconds


def test_a_bend_before_a_step_that_the_scene_lacks_is_refused_with_its_line():
    late = GOOD.replace("site: latent.end", "site: latent.2")
    with pytest.raises(BadScene, match=r"latent\.2 .* steps: 3 or more") as caught:
        loads(late)
    assert caught.value.line == late.splitlines().index("    site: latent.2") + 1
    assert loads(late.replace("seed: 3", "seed: 3\nsteps: 3")).bends[0].site == "latent.2"
