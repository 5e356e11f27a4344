"""The engine on a GPU: a Stable Diffusion turbo shape of random weights, eager, compiled and captured side by side."""
