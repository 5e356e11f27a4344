"""The networks of the built-in model, and starting values from which they learn quickly."""

import json
from pathlib import Path

import torch
from diffusers import AutoencoderTiny, EulerDiscreteScheduler, UNet2DConditionModel
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel

TEXT_WIDTH = 64
TOKENS = 24
"""Tokens per caption, start and end included; longer captions are cut."""
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


def build_unet() -> UNet2DConditionModel:
    """UNet on 32 x 32 latents: four levels, attention at the two lowest, the caption also in every residual block.

    ``addition_embed_type="text"`` pools the text embeddings inside the UNet and adds them to the time embedding,
    so colours and moods reach the high-resolution levels, and callers still pass nothing but
    ``(sample, timestep, encoder_hidden_states)``.
    """
    unet = UNet2DConditionModel(
        sample_size=32,
        in_channels=4,
        out_channels=4,
        block_out_channels=(48, 64, 96, 128),
        down_block_types=("DownBlock2D", "DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        norm_num_groups=16,
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=32,
        addition_embed_type="text",
        addition_embed_type_num_heads=4,
        resnet_time_scale_shift="scale_shift",
    )
    _carry_noise_downwards(unet)
    return unet


@torch.no_grad()
def _carry_noise_downwards(unet: UNet2DConditionModel) -> None:
    """Start with the noise itself, and its local means, flowing through the trunk of the down path.

    The pictures depend on slow components of the noise. Learning to average white noise from random kernels takes a
    small network long, and until then its deep levels stay unused; starting from unit-variance blurs they work at once.
    """
    binomial = torch.tensor([1.0, 2.0, 1.0])
    blur = torch.outer(binomial, binomial)
    unit_blur = blur / blur.norm()
    first = unet.conv_in.weight
    for channel in range(4):
        first[channel].zero_()
        first[channel, channel, 1, 1] = 1.0
        first[4 + channel].zero_()
        first[4 + channel, channel] = unit_blur
    for block in unet.down_blocks:
        if block.downsamplers:
            conv = block.downsamplers[0].conv
            for channel in range(8):
                conv.weight[channel].mul_(0.1)
                # A sum of correlated neighbours grows more than one of white noise; 0.8 keeps later levels near unit variance.
                conv.weight[channel, channel] += unit_blur * (1.0 if block is unet.down_blocks[0] and channel < 4 else 0.6)
    for name, module in unet.named_modules():
        if type(module).__name__ == "ResnetBlock2D":
            module.conv2.weight.mul_(0.3)
    unet.conv_out.weight.mul_(0.3)


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
    )


def build_tokenizer(folder: Path, captions: list[str]):
    """Train a byte-level CLIP tokenizer on ``captions``, write it to ``folder`` and load it."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
    from transformers import CLIPTokenizer

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    bpe = Tokenizer(models.BPE(end_of_word_suffix="</w>", unk_token="<|endoftext|>"))
    bpe.normalizer = normalizers.Lowercase()
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(r"[a-z]+|[0-9]|[^\sa-z0-9]+".join("()"), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    bpe.train_from_iterator(
        captions, trainers.BpeTrainer(vocab_size=1200, min_frequency=20, end_of_word_suffix="</w>", show_progress=False)
    )
    merges = [tuple(m) if not isinstance(m, str) else tuple(m.split(" ")) for m in json.loads(bpe.to_str())["model"]["merges"]]
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
        "bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>", "pad_token": "<|endoftext|>",
    }))  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "tokenizer_class": "CLIPTokenizer", "model_max_length": TOKENS, "do_lower_case": True,
        "bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>", "pad_token": "<|endoftext|>",
    }))  # fmt: skip
    return CLIPTokenizer.from_pretrained(folder)
