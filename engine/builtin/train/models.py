"""The networks of the built-in model, and starting values from which they learn quickly."""

import json
import math
from pathlib import Path

import torch
from diffusers import AutoencoderTiny, EulerDiscreteScheduler, UNet2DConditionModel
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel

TEXT_WIDTH = 64
TOKENS = 24
"""Tokens per caption, start and end included; longer captions are cut."""
WIDTHS = (64, 80, 96, 128)
"""Channels of the UNet's four levels, highest resolution first."""
HEADS = 4
PLACE = (9, 10, 11, 12, 13)
"""Channels that hold maps of x, of y, a constant, and maps of x and y squared, from the lowest level up."""
MAP_SIZES = (6.0, 12.0, 30.0, 50.0, 120.0)
"""Greatest values of those maps at the middle block and at the four levels up, like the other channels' there."""
LATENT_SCALE = 3.0
"""Stored latents have a standard deviation near 1/3, well inside the decoder's soft clamp at +-3."""


def build_autoencoder() -> AutoencoderTiny:
    """AutoencoderTiny of width 32, 8x smaller latents of 4 channels; started with quiet residual branches."""
    vae = AutoencoderTiny(
        encoder_block_out_channels=(32, 32, 32, 32),
        decoder_block_out_channels=(32, 32, 32, 32),
        num_encoder_blocks=(0, 1, 3, 3),
        num_decoder_blocks=(3, 3, 1, 0),
        latent_channels=4,
        scaling_factor=LATENT_SCALE,
    )
    for module in vae.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        if type(module).__name__ == "AutoencoderTinyBlock":
            with torch.no_grad():
                [m for m in module.conv if isinstance(m, nn.Conv2d)][-1].weight.mul_(0.25)
    with torch.no_grad():
        vae.encoder.layers[-1].weight.mul_(0.3)
        vae.decoder.layers[-1].weight.mul_(0.3)
        vae.decoder.layers[-1].bias.fill_(0.4)
    return vae


def build_unet(widths: tuple[int, int, int, int] = WIDTHS, heads: int = HEADS) -> UNet2DConditionModel:
    """UNet on 32 x 32 latents: four levels, attention at the two lowest, the caption also in every residual block.

    ``widths`` are the levels' channels, multiples of 16 (the norm's groups), the lowest at least 64; ``heads``, in each
    attention, divides the last two.

    ``addition_embed_type="text"`` pools the text embeddings inside the UNet and adds them to the time embedding,
    so colours and moods reach the high-resolution levels, and callers still pass nothing but
    ``(sample, timestep, encoder_hidden_states)``.
    """
    unet = UNet2DConditionModel(
        sample_size=32,
        in_channels=4,
        out_channels=4,
        block_out_channels=widths,
        down_block_types=("DownBlock2D", "DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        norm_num_groups=16,
        cross_attention_dim=TEXT_WIDTH,
        # diffusers reads this as the number of heads.
        attention_head_dim=heads,
        addition_embed_type="text",
        addition_embed_type_num_heads=4,
        resnet_time_scale_shift="scale_shift",
    )
    _open_the_trunk(unet)
    keep_structure(unet)
    return unet


def keep_structure(unet: UNet2DConditionModel) -> None:
    """Set again the weights that are not to be learnt; called after every training step."""
    close_deepest_skips(unet)
    tell_where(unet)


@torch.no_grad()
def close_deepest_skips(unet: UNet2DConditionModel) -> None:
    """Zero the weights on the lowest level's skip connections.

    They run beside the middle block at the same 4 x 4 size, so the network can do without that block, and then nothing
    bent there shows. Without them all that is global must pass through it.
    """
    block = unet.up_blocks[0]
    for resnet in block.resnets:
        below = resnet.in_channels - _skip_channels(unet, block, resnet)
        resnet.conv_shortcut.weight[:, below:].zero_()
        resnet.conv1.weight[:, below:].zero_()


@torch.no_grad()
def _open_the_trunk(unet: UNet2DConditionModel) -> None:
    """Start with signals flowing undiminished down to the lowest level and back up.

    With the usual starting values every 1 x 1 shortcut and every resampling convolution shrinks what it carries; eight
    of them in a row leave nothing of the middle block's output, and the network never learns to use its only global
    view. Here the trunk starts as near-identities: the noise and its local means go down at unit variance (the
    pictures depend on slow components of the noise), with a constant, from which zero padding tells where the borders
    are; what the middle block says comes up again, smoothly interpolated.
    """
    binomial = torch.tensor([1.0, 2.0, 1.0])
    blur = torch.outer(binomial, binomial)
    mean_blur, unit_blur = blur / blur.sum(), blur / blur.norm()
    for module in unet.modules():
        if type(module).__name__ == "ResnetBlock2D":
            module.conv2.weight.mul_(0.5)
    first = unet.conv_in
    first.weight.normal_(0, first.weight[0].numel() ** -0.5)
    for channel in range(4):
        first.weight[channel].zero_()
        first.weight[channel, channel, 1, 1] = 1.0
        first.weight[4 + channel].zero_()
        first.weight[4 + channel, channel] = unit_blur
    first.weight[8].zero_()
    first.bias.zero_()
    first.bias[8] = 1.0
    for level, block in enumerate(unet.down_blocks):
        for resnet in block.resnets:
            if resnet.conv_shortcut is not None:
                _identity(resnet.conv_shortcut.weight, 0, 1.0)
                resnet.conv_shortcut.bias.zero_()
        if block.downsamplers:
            conv = block.downsamplers[0].conv
            conv.weight.mul_(0.5)
            for channel in range(len(conv.weight)):
                # White noise needs a unit-norm kernel to keep its variance; means of it, a constant and the rest less.
                white = level == 0 and channel < 4
                conv.weight[channel, channel] += unit_blur * 1.0 if white else mean_blur * (1.7 if channel < 8 else 1.2)
    for block in unet.up_blocks:
        for resnet in block.resnets:
            weight = resnet.conv_shortcut.weight
            out, below = weight.shape[0], resnet.in_channels - _skip_channels(unet, block, resnet)
            weight.normal_(0, 0.6 * (weight.shape[1] - below) ** -0.5)
            weight[:, :below].zero_()
            _identity(weight, 0, 0.8, min(out, below))
            resnet.conv_shortcut.bias.zero_()
        if block.upsamplers:
            conv = block.upsamplers[0].conv
            conv.weight.mul_(0.5)
            for channel in range(len(conv.weight)):
                conv.weight[channel, channel] += mean_blur
    unet.conv_out.weight.mul_(0.5)


@torch.no_grad()
def tell_where(unet: UNet2DConditionModel) -> None:
    """Set the weights that make maps of x, y and their squares and carry them up; called after every training step.

    The only thing that tells a convolution where it is, is the border. In the lowest level's first block one group of
    hidden channels holds +1 and -1; the first kernel turns the border into -1, 0, 0, 1 across the four columns, the
    second into -1, -1/3, 1/3, 1, and into the squares of these. Feeding each value and its negative through SiLU keeps
    this exact (``silu(v) - silu(-v) = v``, and their sum is even), and a group that holds nothing else is normalised
    to the same values each time.

    The channels ``PLACE`` carry the maps through the middle block and up, beside them a constant of their size, from
    which each upsampling takes what zero padding lacks at the borders, so that the maps stay straight and parabolas.
    Nothing else is ever added to these channels. Left to the optimiser the maps were gone after some thousand steps,
    and with them the layout. They are exact on latents of 32 x 32; on wider ones their middle is flat.
    """
    bottom, narrow = unet.down_blocks[-1].resnets[0], unet.down_blocks[-2].downsamplers[0].conv
    across, group = (unet.config.block_out_channels[k] // unet.config.norm_num_groups for k in (-2, -1))
    source, hidden, place = slice(across, 2 * across), slice(group, 2 * group), slice(PLACE[0], PLACE[-1] + 1)
    _silence(narrow, source)
    narrow.bias[source] = torch.tensor([1.0, -1.0]).repeat(across // 2 + 1)[:across]
    bottom.norm1.weight[source], bottom.norm1.bias[source] = 1.0, 0.0
    bottom.norm2.weight[hidden], bottom.norm2.bias[hidden] = 1.0, 0.0
    _silence(bottom.conv1, hidden)
    for start in (0, len(bottom.conv1.weight)):
        _silence(bottom.time_emb_proj, slice(start + group, start + 2 * group))
    _silence(bottom.conv2, place)
    slope, spread, here = (torch.zeros(3, 3) for _ in range(3))
    slope[1, 0], slope[1, 2] = 1.0, -1.0
    spread[1] = torch.tensor([1 / 3, 1.0, 1 / 3])
    here[1, 1] = 1.0
    # Half of four columns are +-1 before the norm, so it makes them +-root 2, and a value's pair sums to ``even``.
    root, pairs, size = 2**0.5, group // 4, MAP_SIZES[0]
    even = root * math.tanh(root / 2)
    for line, square, first in ((PLACE[0], PLACE[3], 0), (PLACE[1], PLACE[4], 2)):
        for k in range(4 * pairs):
            if k % 4 not in (first, first + 1):
                continue
            sign = 1.0 if k % 2 == 0 else -1.0
            bottom.conv1.weight[group + k, across] = sign * (slope.T if first else slope)
            bottom.conv2.weight[line, group + k] = sign * size / (root * pairs) * (spread.T if first else spread)
            bottom.conv2.weight[square, group + k] = size * 8 / 9 / (even * pairs) * here
        bottom.conv2.bias[square] = size / 9
    if bottom.conv_shortcut is not None:
        _silence(bottom.conv_shortcut, place)
    for block in (unet.down_blocks[-1], unet.mid_block):
        for attention in block.attentions:
            _silence(attention.proj_out, place)
    for resnet in unet.mid_block.resnets:
        _silence(resnet.conv2, place)
    edge, columns = 1.0, 4
    for block, wanted in zip(unet.up_blocks, MAP_SIZES[1:], strict=True):
        for resnet in block.resnets:
            _silence(resnet.conv2, place)
            _silence(resnet.conv_shortcut, place)
            for k in (*PLACE[:2], *PLACE[3:]):
                resnet.conv_shortcut.weight[k, k] = wanted / size
            resnet.conv_shortcut.bias[PLACE[2]] = size = wanted
        for attention in getattr(block, "attentions", []):
            _silence(attention.proj_out, place)
        if block.upsamplers:
            step = 2 * edge / (columns - 1)
            _widen_maps(block.upsamplers[0].conv, size, edge, step)
            edge, columns = edge + step / 4, 2 * columns


def _widen_maps(conv: nn.Conv2d, size: float, edge: float, step: float) -> None:
    """Let the convolution after doubling put the maps right: ``edge`` is the last column's place, ``step`` their width.

    Each column becomes two, a quarter of a step to either side, by [1, 2, 1] / 4. That leaves lines as they are and
    lifts squares by 3/16 of a step's. Where the zero pad lies, a quarter of the map's next value is missing.
    """
    _silence(conv, slice(PLACE[0], PLACE[-1] + 1))
    conv.bias[PLACE[2]] = size
    line, odd, even = (torch.zeros(3, 3) for _ in range(3))
    line[1] = torch.tensor([0.25, 0.5, 0.25])
    missing = (edge + step) / 4
    odd[1] = torch.tensor([missing, 0.0, -missing])
    missing = (edge + step) ** 2 / 4
    even[1] = torch.tensor([-missing, 0.0, -missing])
    for k, border, turn in ((0, odd, False), (1, odd, True), (3, even, False), (4, even, True)):
        conv.weight[PLACE[k], PLACE[k]] = line.T if turn else line
        conv.weight[PLACE[k], PLACE[2]] = border.T if turn else border
        if border is even:
            conv.bias[PLACE[k]] = size * (2 * missing - 3 / 16 * step**2)


def _silence(module: nn.Module, rows: int | slice) -> None:
    """Zero what makes the output channels ``rows``."""
    module.weight[rows] = 0.0
    if module.bias is not None:
        module.bias[rows] = 0.0


def _identity(weight: torch.Tensor, offset: int, gain: float, count: int | None = None) -> None:
    """Set a 1 x 1 kernel to carry input ``offset + k`` to output ``k``; outputs beyond keep scaled random values."""
    count = min(weight.shape[0], weight.shape[1]) if count is None else count
    weight[:count, offset : offset + count].zero_()
    for k in range(count):
        weight[k, offset + k, 0, 0] = gain


def _skip_channels(unet: UNet2DConditionModel, block, resnet) -> int:
    """How many of an up-block resnet's input channels come over the skip connection."""
    widths = list(unet.config.block_out_channels)
    level = len(widths) - 1 - list(unet.up_blocks).index(block)
    last = resnet is block.resnets[-1]
    return widths[max(level - 1, 0)] if last else widths[level]


def build_text_encoder(vocabulary_size: int) -> CLIPTextModel:
    """CLIP text model, 2 layers of width 64."""
    config = CLIPTextConfig(
        vocab_size=vocabulary_size,
        hidden_size=TEXT_WIDTH,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=TOKENS,
        projection_dim=TEXT_WIDTH,
        bos_token_id=vocabulary_size - 2,
        eos_token_id=vocabulary_size - 1,
        pad_token_id=vocabulary_size - 1,
    )
    model = CLIPTextModel(config)
    with torch.no_grad():
        # CLIP's starting value (0.02) is meant for large vocabularies; here words must tell apart from the first step.
        for name, parameter in model.named_parameters():
            if name.endswith("token_embedding.weight"):
                parameter.normal_(0, 0.5)
    return model


LAST_NOISE = 0.34167441725730896
"""Noise over signal at the last of several steps: that of timestep 99.

Where the noise says what is painted, one step knows most; halfway through the timesteps what it drew lies under 1.6
times as much noise, and was lost there. A last step should find it nearly whole.
"""


def build_scheduler() -> EulerDiscreteScheduler:
    """The scheduler of the shipped model: one step at timestep 999, the network predicts the clean latent."""
    return EulerDiscreteScheduler(
        num_train_timesteps=1000,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="sample",
        timestep_spacing="trailing",
        steps_offset=1,
        use_exponential_sigmas=True,
        sigma_min=LAST_NOISE,
    )


def build_tokenizer(folder: Path, captions: list[str]):
    """Train a byte-level CLIP tokenizer on ``captions``, write it to ``folder`` and load it."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
    from transformers import CLIPTokenizer

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    bpe = Tokenizer(models.BPE(end_of_word_suffix="</w>", unk_token="<|endoftext|>"))
    bpe.normalizer = normalizers.Lowercase()
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            # As CLIP splits: words, single digits, runs of other signs; white space belongs to none of them.
            pre_tokenizers.WhitespaceSplit(),
            pre_tokenizers.Split(Regex(r"[a-z]+|[0-9]|[^\sa-z0-9]+"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    bpe.train_from_iterator(
        captions, trainers.BpeTrainer(vocab_size=1900, min_frequency=20, end_of_word_suffix="</w>", show_progress=False)
    )
    merges = [
        tuple(m) if not isinstance(m, str) else tuple(m.split(" ")) for m in json.loads(bpe.to_str())["model"]["merges"]
    ]
    merges = [m for m in merges if all(set(part.removesuffix("</w>")) <= set(alphabet) for part in m)]
    words = alphabet + [c + "</w>" for c in alphabet]
    for a, b in merges:
        if a + b not in words:
            words.append(a + b)
    words += ["<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({w: i for i, w in enumerate(words)}, ensure_ascii=False))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
    (folder / "special_tokens_map.json").write_text(json.dumps({
        "bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>",
        "unk_token": "<|endoftext|>", "pad_token": "<|endoftext|>",
    }))  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "tokenizer_class": "CLIPTokenizer", "model_max_length": TOKENS, "do_lower_case": True,
        "bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>",
        "unk_token": "<|endoftext|>", "pad_token": "<|endoftext|>",
    }))  # fmt: skip
    return CLIPTokenizer.from_pretrained(folder)
