"""Every training stage runs, writes what the next one needs, and resumes."""

import os
import signal
import time

import psutil
import pytest

pytest.importorskip("diffusers")

from engine.builtin.train.__main__ import main
from tests.waiting import wait_until


def test_stages_run_resume_and_export(tmp_path):
    """Two tiny steps of each stage in an empty folder, then a pipeline from the result."""
    import torch
    from diffusers import StableDiffusionPipeline

    from engine.builtin.train.export import export

    folder = str(tmp_path / "train")
    small = ["--folder", folder, "--steps", "2", "--pictures", "8", "--batch", "4", "--held-out", "1"]
    for stage in ("vae", "unet", "pixels"):
        main(["--stage", stage, *small])
        main(["--stage", stage, *small, "--resume", "--adversarial", "0.5", "--favour", "mountains=3"])
    export(tmp_path / "train", tmp_path / "weights")
    pipeline = StableDiffusionPipeline.from_pretrained(tmp_path / "weights", torch_dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    pictures = pipeline("galaxy", num_inference_steps=1, guidance_scale=0.0, output_type="pt").images
    assert pictures.shape == (1, 3, 256, 256)
    assert torch.isfinite(pictures).all()


@pytest.mark.parametrize(
    ("favoured", "said"),
    [
        ("montains=3", "none of nebula"),
        ("mountains", "mountains=3"),
        ("mountains=x", "mountains=3"),
        ("mountains=nan", "up to 100"),
    ],
)
def test_a_form_that_cannot_be_favoured_is_refused(capsys, favoured, said):
    with pytest.raises(SystemExit) as ended:
        main(["--stage", "unet", "--favour", favoured])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_a_favoured_form_is_painted_so_many_times_as_often(tmp_path):
    from engine.builtin.train.common import Run

    run = Run(tmp_path, favoured={"grid": 3.0})
    assert run.chances({"ocean": 0.2, "grid": 0.1}) == pytest.approx([0.2, 0.3])


def test_a_finish_taken_up_again_begins_from_what_stage_unet_has_learnt_since(tmp_path):
    import torch
    from safetensors.torch import load_file

    folder = str(tmp_path / "train")
    small = ["--folder", folder, "--steps", "1", "--pictures", "8", "--batch", "4", "--held-out", "1"]
    for stage in ("vae", "unet", "pixels"):
        main(["--stage", stage, *small])
    finished = load_file(tmp_path / "train" / "network.safetensors")
    main(["--stage", "unet", *small, "--resume", "--rate", "0.1"])
    learnt = load_file(tmp_path / "train" / "network.safetensors")
    main(["--stage", "pixels", *small, "--resume", "--rate", "1e-12"])
    again = load_file(tmp_path / "train" / "network.safetensors")
    assert all(torch.allclose(again[key], learnt[key], atol=1e-5) for key in learnt)
    assert not all(torch.allclose(again[key], finished[key], atol=1e-5) for key in learnt)


def test_resuming_in_an_empty_folder_goes_on_from_the_shipped_weights(tmp_path):
    import torch
    from safetensors.torch import load_file

    from engine.builtin import WEIGHTS
    from engine.builtin.train.common import Run
    from engine.builtin.train.export import export, unpack

    unpack(WEIGHTS, Run(tmp_path / "train", resume=True))
    export(tmp_path / "train", tmp_path / "weights")
    for part in ("unet", "vae"):
        name = f"{part}/diffusion_pytorch_model.safetensors"
        shipped, again = load_file(WEIGHTS / name), load_file(tmp_path / "weights" / name)
        assert set(shipped) == set(again)
        assert all(torch.equal(shipped[key], again[key]) for key in shipped)


def test_a_tokenizer_grows_without_forgetting(tmp_path):
    import torch
    from transformers import CLIPTokenizer

    from engine.builtin.train.models import build_tokenizer
    from engine.builtin.train.words import grow_embeddings, grow_tokenizer

    before = build_tokenizer(tmp_path, ["red smoke and blue fire"] * 50)
    old = before("red smoke and blue fire")["input_ids"]
    words = {"kaleidoscope": "kaleidoscope", "infrared": "infrared", "crimson": "red"}
    origin = grow_tokenizer(tmp_path, words)
    after = CLIPTokenizer.from_pretrained(tmp_path)
    assert len(origin) == len(after)
    for word in words:
        assert len(before.tokenize(word)) > 1
        assert len(after.tokenize(word)) == 1
    new = after("red smoke and blue fire")["input_ids"]
    assert [origin[token] for token in new] == old
    table = torch.randn(len(before), 8)
    grown = grow_embeddings({"token_embedding.weight": table}, origin)["token_embedding.weight"]
    assert torch.equal(grown[new], table[old])
    # A synonym begins as the word that it stands for.
    crimson, red = (after.convert_tokens_to_ids(f"{word}</w>") for word in ("crimson", "red"))
    assert torch.equal(grown[crimson], grown[red])


def test_a_discriminator_learns_to_tell_taught_from_learnt_latents(tmp_path):
    import torch

    from engine.builtin.train.adversary import Adversary, label
    from engine.builtin.train.common import Run

    torch.manual_seed(0)
    adversary = Adversary(Run(tmp_path, adversarial=1.0))
    noise, labels = torch.randn(8, 4, 16, 16), label(["red smoke", "neon blue rings"] * 4)
    want, got = torch.randn(8, 4, 16, 16), 0.3 * torch.randn(8, 4, 16, 16)
    verdicts = [adversary.learn(want, got, noise, labels) for _ in range(40)]
    assert verdicts[-1] < 0.7 * verdicts[0]
    fooling = got.clone().requires_grad_(True)
    rows = slice(2, None)
    slope = adversary.gradient((fooling - want).abs().mean(), want, fooling, noise, labels, rows)
    plain = torch.autograd.grad((fooling - want).abs().mean(), fooling)[0]
    assert torch.equal(slope[:2], plain[:2])
    assert not torch.equal(slope[2:], plain[2:])


def test_the_pace_follows_whichever_of_time_and_steps_is_nearer_its_end(tmp_path):
    from engine.builtin.train.common import Run, schedule

    by_time, by_steps = Run(tmp_path, minutes=1e6), Run(tmp_path, minutes=1e6, max_steps=200)
    assert by_time.progress(100) < 0.01
    assert by_steps.progress(100) == 0.5
    assert by_steps.progress(300) == 1.0
    assert Run(tmp_path, minutes=1e-9, max_steps=200).progress(0) == 1.0
    paces = [schedule(step, by_steps.progress(step), warm_steps=10) for step in range(200)]
    assert paces[0] == 0.1
    assert max(paces) == max(paces[8:12])
    assert paces[-1] < 0.04


def test_faint_pictures_count_as_much_as_strong_ones():
    import torch

    from engine.builtin.train.common import even

    torch.manual_seed(0)
    strong = torch.randn(4, 4, 8, 8)
    weights = even(torch.cat([0.6 * strong, 0.4 * strong + 3.0, 0.01 * strong]), 0.4, 2.0).view(3, 4)
    assert (weights[0] >= 0.7).all()
    assert (weights[1] > 1.5 * weights[0]).all()
    assert (weights[2] == 2.0).all()


@pytest.mark.parametrize(("cycles", "octave"), [(100, 0), (48, 1)])
def test_detail_is_the_strength_of_what_is_fine_in_its_octave_wherever_it_lies(cycles, octave):
    import math

    import torch

    from engine.builtin.train.common import detail, detail_loss

    across = torch.arange(256) / 256
    want = (0.1 * torch.sin(2 * math.pi * cycles * across)).expand(1, 3, 256, 256)
    beside = (0.1 * torch.cos(2 * math.pi * cycles * across)).expand(1, 3, 256, 256)
    strength = detail(want)
    assert strength.shape == (1, 2, 16, 16)
    assert torch.allclose(strength[:, octave, 2:-2, 2:-2], torch.tensor(0.1 / 2**0.5), rtol=0.2)
    assert strength[:, 1 - octave, 2:-2, 2:-2].max() < 0.02
    assert torch.allclose(strength[..., 2:-2], detail(beside)[..., 2:-2], atol=0.006), (
        "a quarter of a wave further is as strong"
    )
    for kind in (0, 1):
        losses = [
            detail_loss(got.repeat(2, 1, 1, 1), want.repeat(2, 1, 1, 1))[kind] for got in (beside, 2 * want, want / 2)
        ]
        assert losses[0].shape == (2,)
        assert losses[0].max() < 0.4 * min(losses[1].min(), losses[2].min()), "too much is as bad as too little"
    coarse = (0.5 * torch.sin(2 * math.pi * 8 * across)).expand(1, 3, 256, 256)
    assert detail(coarse)[..., 2:-2, 2:-2].max() < 0.01


def test_batches_have_the_sizes_that_are_played_as_often_as_said_and_the_same_for_every_worker():
    from collections import Counter

    from engine.builtin.train.data import SIZES, some_size

    seen = Counter(some_size(1, step) for step in range(4000))
    assert seen == Counter(some_size(1, step) for step in range(4000))
    assert set(seen) == set(SIZES)
    for size, share in SIZES.items():
        assert abs(seen[size] / 4000 - share) < 0.03


def test_wide_pictures_are_taught_and_finished(tmp_path, monkeypatch):
    from engine.builtin import WEIGHTS
    from engine.builtin.train import finish, network
    from engine.builtin.train.common import Run
    from engine.builtin.train.export import unpack

    drawn = []
    for stage in (network, finish):
        plain = stage.draw
        monkeypatch.setattr(stage, "some_size", lambda seed, step: (36, 64))
        monkeypatch.setattr(stage, "draw", lambda *a, plain=plain: drawn.append((a[-1], plain(*a))) or drawn[-1][1])
    run = Run(tmp_path, minutes=60, batch=6, max_steps=1, pictures=8, per_form=1, resume=True)
    unpack(WEIGHTS, run)
    network.train_network(run)
    wide = [made for size, made in drawn if size == (36, 64)]
    assert wide
    drawn.clear()
    finish.train_finish(run)
    wide += [made for size, made in drawn]
    for noise, captions, pictures in wide:
        assert noise.shape == (len(captions), 4, 36, 64)
        assert pictures.shape == (len(captions), 3, 288, 512)
    assert "pixels done" in (tmp_path / "train.log").read_text()


def levels_up(unet, seed):
    """What the middle block and the levels up put out for noise, a random timestep and random words."""
    import torch

    generator, seen = torch.Generator().manual_seed(seed), []
    hooks = [
        block.register_forward_hook(lambda module, given, out: seen.append(out))
        for block in (unet.mid_block, *unet.up_blocks)
    ]
    noise = torch.randn(2, 4, 32, 32, generator=generator)
    with torch.no_grad():
        unet(noise, 100 * seed, torch.randn(2, 5, 64, generator=generator))
    for hook in hooks:
        hook.remove()
    return seen


def test_maps_of_x_and_y_reach_every_level_up_whatever_the_noise_and_whatever_was_learnt():
    import torch

    from engine.builtin.train.models import MAP_SIZES, PLACE, build_unet, keep_structure

    torch.manual_seed(0)
    unet = build_unet((48, 64, 96, 128))
    with torch.no_grad():
        for parameter in unet.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter) * parameter.std().nan_to_num(0.1))
    keep_structure(unet)
    for level, (one, other) in enumerate(zip(levels_up(unet, 3), levels_up(unet, 7), strict=True)):
        assert torch.equal(one[:, list(PLACE)], other[:, list(PLACE)]), "not a map of the noise"
        across, down, _, across_squared, down_squared = one[0, list(PLACE)]
        assert torch.allclose(down, across.T, rtol=1e-4)
        steps = across.diff(dim=1)
        assert steps.min() > 0.999 * steps.max() > 0, f"straight from border to border at level {level}"
        assert torch.allclose(across[:, 0], -across[:, -1], rtol=1e-4)
        assert torch.allclose(across_squared, across**2 / MAP_SIZES[level], atol=1e-3 * MAP_SIZES[level])
        assert torch.allclose(down_squared, across_squared.T, atol=1e-3 * MAP_SIZES[level])
        rest = [channel for channel in range(one.shape[1]) if channel not in PLACE]
        assert not torch.allclose(one[:, rest], other[:, rest])


def test_a_training_step_keeps_the_maps(tmp_path):
    import torch

    from engine.builtin import WEIGHTS
    from engine.builtin.train.common import Run, load
    from engine.builtin.train.export import unpack
    from engine.builtin.train.models import PLACE
    from engine.builtin.train.network import build_model, get_tokenizer, train_network

    run = Run(tmp_path, minutes=60, batch=4, max_steps=2, pictures=8, per_form=1, resume=True, rate=1e-2)
    unpack(WEIGHTS, run)
    train_network(run)
    model = build_model(run.folder, len(get_tokenizer(run)))
    load(model, run.folder / "network.safetensors")
    for maps in levels_up(model.eval().unet, 2):
        steps = maps[0, PLACE[0]].diff(dim=1)
        assert steps.min() > 0.99 * steps.max() > 0
    assert torch.isfinite(torch.cat([p.flatten() for p in model.parameters()])).all()


def test_the_shipped_network_has_the_maps():
    import torch

    from engine.builtin import WEIGHTS
    from engine.builtin.train.models import PLACE
    from engine.loading import load_components

    unet = load_components(str(WEIGHTS), torch.float32).unet
    for maps in levels_up(unet, 5):
        steps = maps[0, PLACE[0]].diff(dim=1)
        assert steps.min() > 0.99 * steps.max() > 0, "half precision moves them by less than a hundredth"


def test_bfloat16_is_used_only_where_the_processor_multiplies_in_it(monkeypatch):
    import torch

    from engine.builtin.train.common import autocast

    for has in (True, False):
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda has=has: has, raising=False)
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False, raising=False)
        with autocast("cpu"):
            product = torch.ones(4, 4) @ torch.ones(4, 4)
        assert product.dtype == (torch.bfloat16 if has else torch.float32)


def test_two_workers_with_an_adversary_stay_in_step_where_the_skips_are_silent(tmp_path):
    from engine.builtin import WEIGHTS
    from engine.builtin.train.common import Run, spread
    from engine.builtin.train.export import unpack
    from engine.builtin.train.network import get_tokenizer, train_network

    run = Run(
        tmp_path, minutes=60, batch=8, workers=2, max_steps=4, pictures=16, per_form=1, adversarial=0.5, silence=0.5
    )
    unpack(WEIGHTS, run)
    get_tokenizer(run)
    spread(train_network, run)
    assert "unet done" in (tmp_path / "train.log").read_text()


def test_rewording_keeps_the_meaning_and_changes_most_captions():
    import random

    from engine.builtin.vocabulary import random_caption, reworded, understand

    rng = random.Random(3)
    captions = [random_caption(rng) for _ in range(2000)]
    others = [reworded(caption, rng, untaught=0.0) for caption in captions]
    assert all(understand(a) == understand(b) for a, b in zip(captions, others, strict=True))
    assert 0.5 < sum(a != b for a, b in zip(captions, others, strict=True)) / len(captions) < 0.9
    assert all(b == "" for a, b in zip(captions, others, strict=True) if a == "")


def _wait_beside(run):
    # As what a shell starts in the background does: the interrupt that PyTorch asks for then goes unheard.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    note = run.folder / f"{run.rank}.tmp"
    note.write_text(str(os.getpid()))
    note.rename(run.folder / f"worker-{run.rank}")
    time.sleep(600)


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_workers_do_not_outlive_a_run_that_is_killed(tmp_path):
    """Left to themselves they went on training and wrote their checkpoints over the next run's."""
    import multiprocessing

    from engine.builtin.train.common import Run, spread

    run = Run(tmp_path, batch=2, workers=2)
    parent = multiprocessing.get_context("spawn").Process(target=spread, args=(_wait_beside, run))
    parent.start()
    notes = [tmp_path / f"worker-{rank}" for rank in range(2)]
    wait_until(lambda: all(note.exists() for note in notes), 120, "both workers to begin")
    workers = [int(note.read_text()) for note in notes]
    assert all(_runs(pid) for pid in workers)
    parent.kill()
    parent.join()
    try:
        wait_until(lambda: not any(_runs(pid) for pid in workers), 60, "both workers to end")
    finally:
        for pid in filter(_runs, workers):
            psutil.Process(pid).kill()
