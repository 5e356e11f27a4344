"""What the stages share: checkpoints, log, pace, averaging, losses."""

import dataclasses
import math
import multiprocessing
import multiprocessing.connection
import os
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.distributed as dist
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from engine.devices import fast_bfloat16


@dataclass
class Run:
    """One call of a training stage."""

    folder: Path
    device: str = "cpu"
    minutes: float = 5.0
    resume: bool = False
    seed: int = 0
    batch: int = 16
    rate: float = 1e-3
    max_steps: int | None = None
    log_every: int = 50
    pictures: int = 2000
    """How many painted pictures to hold in memory."""
    adversarial: float = 1.0
    """Weight of the discriminator in stage ``pixels``; 0 is plain regression."""
    silence: float = 0.12
    """Share of stage ``unet``'s batches without skip connections."""
    favoured: dict[str, float] = field(default_factory=dict)
    """How many times as often a form is painted, such as one that is painted otherwise than it was learnt."""
    per_form: int = 6
    """Held-out pictures per form."""
    started: float = field(default_factory=time.monotonic)

    compile: bool = False
    """Compile the network first (`torch.compile`): minutes before the first step, a quarter more steps afterwards."""
    rank: int = 0
    workers: int = 1
    """Processes that share the batch, one thread each; see `spread`."""

    def __post_init__(self):
        if self.workers > 1 and self.batch % self.workers:
            raise ValueError(f"batch {self.batch} does not divide among {self.workers} workers")

    @property
    def share(self) -> int:
        """This worker's part of the batch."""
        return self.batch // self.workers

    def progress(self, done: int = 0) -> float:
        """Share of the run that has passed after ``done`` steps, 0..1, the same on every worker.

        Whichever of time and steps is nearer its end counts: on a shared machine give many minutes and the steps.
        """
        now = torch.tensor([max(self.elapsed(), min(1.0, done / self.max_steps) if self.max_steps else 0.0)])
        if self.workers > 1:
            dist.broadcast(now, 0)
        return now.item()

    def elapsed(self) -> float:
        """Share of this run's time that has passed, 0..1."""
        return min(1.0, (time.monotonic() - self.started) / (60 * self.minutes))

    def log(self, line: str) -> None:
        """Print a line and append it to ``train.log``."""
        if self.rank:
            return
        stamp = time.strftime("%H:%M:%S")
        print(f"{stamp} {line}", flush=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "train.log").open("a") as file:
            file.write(f"{stamp} {line}\n")

    def chances(self, hardness: dict[str, float]) -> list[float]:
        """How often each form is painted, by how hard it is."""
        return [value * self.favoured.get(form, 1.0) for form, value in hardness.items()]


def spread(stage, run: Run) -> None:
    """Run ``stage(run)``, in ``run.workers`` processes if more than one.

    On a shared machine one thread per process loses far less time than two threads in step at every operation.
    """
    if run.workers == 1:
        stage(run)
        return
    with tempfile.TemporaryDirectory() as meeting:
        torch.multiprocessing.spawn(_work, (stage, run, f"file://{meeting}/meet"), nprocs=run.workers)


def _work(rank: int, stage, run: Run, address: str) -> None:
    threading.Thread(target=_end_with, args=(multiprocessing.parent_process(),), daemon=True).start()
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=address, rank=rank, world_size=run.workers)
    stage(dataclasses.replace(run, rank=rank, started=time.monotonic()))
    dist.destroy_process_group()


def _end_with(parent) -> None:
    """End this process when its parent is gone, or it would train on and write over the next run's checkpoints.

    PyTorch asks for an interrupt then, which what was started in the background does not hear.
    """
    multiprocessing.connection.wait([parent.sentinel])
    os._exit(1)


@torch.no_grad()
def share_gradients(run: Run, module: torch.nn.Module) -> None:
    """Average gradients over the workers."""
    if run.workers == 1:
        return
    gradients = [p.grad for p in module.parameters() if p.grad is not None]
    flat = torch.cat([g.flatten() for g in gradients])
    dist.all_reduce(flat)
    flat /= run.workers
    for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))


def autocast(device: str):
    """bfloat16 where the device multiplies in it; a processor that must emulate it takes eight times as long."""
    kind = torch.device(device).type
    return torch.autocast(kind, torch.bfloat16, enabled=kind != "cpu" or fast_bfloat16())


def schedule(step: int, progress: float, warm_steps: int = 100, floor: float = 0.03) -> float:
    """Learning-rate factor: linear warm-up by steps, then a cosine over the run's time."""
    return min(1.0, (step + 1) / warm_steps) * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * progress)))


def save(module: torch.nn.Module, path: Path) -> None:
    """Write a module's weights as safetensors, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    save_file({k: v.detach().float().cpu().contiguous() for k, v in module.state_dict().items()}, temporary)
    temporary.replace(path)


def load(module: torch.nn.Module, path: Path) -> None:
    """Read weights that ``save`` wrote."""
    module.load_state_dict(load_file(path))


class Average:
    """Exponential moving average of a module's weights."""

    def __init__(self, module: torch.nn.Module, decay: float = 0.999):
        self.module, self.decay, self.steps = module, decay, 0
        self.shadow = {k: v.detach().clone() for k, v in module.state_dict().items()}

    @torch.no_grad()
    def update(self) -> None:
        self.steps += 1
        # Early on the average must forget quickly, or it stays near the random start.
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        live = {k: v for k, v in self.module.state_dict().items() if v.is_floating_point()}
        torch._foreach_lerp_([self.shadow[k] for k in live], list(live.values()), 1 - decay)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange the module's weights with the average; call twice to undo."""
        for key, value in self.module.state_dict().items():
            kept = value.clone()
            value.copy_(self.shadow[key])
            self.shadow[key].copy_(kept)


def edges(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Differences between neighbours along x and y."""
    return x[..., 1:] - x[..., :-1], x[..., 1:, :] - x[..., :-1, :]


def picture_loss(got: torch.Tensor, want: torch.Tensor) -> torch.Tensor:
    """L1 on pixels, on their differences (sharpness) and on 4x means (colour), of each picture ``(batch,)``."""

    def apart(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return (a - b).abs().mean(dim=(1, 2, 3))

    loss = apart(got, want) + 0.5 * apart(F.avg_pool2d(got, 4), F.avg_pool2d(want, 4))
    for a, b in zip(edges(got), edges(want), strict=True):
        loss = loss + 1.0 * apart(a, b)
    return loss


def low_pass(luma: torch.Tensor, cutoff: float) -> torch.Tensor:
    """Luma ``(batch, 1, h, w)`` without what is finer than ``cutoff`` (of the Nyquist frequency) along x or y."""
    half = round(3 / cutoff)
    at = torch.arange(-half, half + 1, device=luma.device)
    taps = torch.sinc(cutoff * at) * torch.hann_window(2 * half + 3, periodic=False, device=luma.device)[1:-1]
    taps = taps / taps.sum()
    luma = F.conv2d(F.pad(luma, (half, half, 0, 0), "reflect"), taps.view(1, 1, 1, -1))
    return F.conv2d(F.pad(luma, (0, 0, half, half), "reflect"), taps.view(1, 1, -1, 1))


def detail(pictures: torch.Tensor) -> torch.Tensor:
    """How strong fine structure is at each place: root mean square of the luma's upper two octaves, each by itself.

    From pictures ``(batch, 3, h, w)`` in -1..1 to ``(batch, 2, h / 16, w / 16)``.
    """
    luma = (pictures * pictures.new_tensor((0.299, 0.587, 0.114)).view(1, 3, 1, 1)).sum(1, keepdim=True)
    coarser = low_pass(luma, 0.5)
    octaves = torch.cat([luma - coarser, coarser - low_pass(coarser, 0.25)], 1)
    return (F.avg_pool2d(octaves**2, 16) + (0.1 / 127.5) ** 2).sqrt()


def detail_loss(got: torch.Tensor, want: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """How far apart two batches' `detail` is, of each picture: place by place, and in logarithms of the whole's energy.

    Pixel by pixel, fine structure that lies a little beside its place costs more than none at all; place by place it
    does not, but where a place is unsure it is safest to give a little less than enough. The whole tells what lacks.

    Returns
    -------
    Tensor, Tensor (batch,)
    """
    a, b = detail(got), detail(want)
    whole = (a.square().mean(dim=(2, 3)) / b.square().mean(dim=(2, 3))).log()
    return (a - b).abs().mean(dim=(1, 2, 3)), whole.abs().mean(dim=1)


def even(wanted: torch.Tensor, usual: float, most: float = 4.0) -> torch.Tensor:
    """Weights ``(batch,)`` of the examples: more for those of little contrast, whose errors would hardly count.

    ``usual`` is the mean distance of values from their picture's mean that gets weight 1. The weight grows faster than
    contrast falls: with weights that only made up for it, pastel was learnt half as well as the rest.
    """
    contrast = (wanted - wanted.mean(dim=(2, 3), keepdim=True)).abs().mean(dim=(1, 2, 3))
    return ((usual / contrast.clamp_min(1e-3)) ** 1.5).clamp(0.7, most)
