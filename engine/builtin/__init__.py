"""The built-in model: its weights, its words, and what made them. Importing this package loads nothing heavy."""

from pathlib import Path

WEIGHTS = Path(__file__).parent / "weights"
"""Folder in the diffusers layout (model_index.json, scheduler/, text_encoder/, tokenizer/, unet/, vae/)."""
