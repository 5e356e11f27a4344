"""`StageSettings` and `HudState`: plain values that the stage is given."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["HudState", "StageSettings"]


@dataclass(frozen=True, slots=True)
class StageSettings:
    """How the window opens.

    Attributes
    ----------
    display : int
        Number of the display, from 0.
    fullscreen : bool
    size : (int, int)
        Width and height of the window in pixels, while not fullscreen.
    title : str
    refresh_hz : float or None
        Pictures shown per second; None for the display's own rate where pygame can tell it, else 60.
    """

    display: int = 0
    fullscreen: bool = False
    size: tuple[int, int] = (1280, 720)
    title: str = "Bentlight"
    refresh_hz: float | None = None


@dataclass(frozen=True, slots=True)
class HudState:
    """What the HUD shows at one moment.

    Attributes
    ----------
    rms, peak : float
        Level of the sound after gain, 0 to 1 of full scale.
    bands : tuple of float
        Level of each band, 0 to 1.
    onset_count : int
        Onsets heard so far; the lamp lights when it grows.
    tempo : float
        Beats per minute; 0 while not known.
    beat_phase : float
        0 to 1; 0 on the beat.
    pictures_per_s : float
        New outputs of the generator per second.
    runtime : str
        What makes them, such as ``onnx``.
    sound_age_ms : float or None
        Age of the newest sound in the picture that is shown; None while there is none.
    scene, prompt : str
    input_name : str
        The sound input.
    input_state : str
        In plain words, such as ``listening`` or ``lost``.
    input_ok : bool
        False colours the state as a warning.
    osc_accepted, osc_dropped : int
        Messages.
    recording_s : float or None
        Length of the running recording; None while none runs.
    loading : str
        What the title card says while there is no picture yet, such as ``loading the model``.
    warnings : tuple of str
        In plain words, the most pressing first; the HUD has room for three.
    """

    rms: float = 0.0
    peak: float = 0.0
    bands: tuple[float, ...] = (0.0,) * 8
    onset_count: int = 0
    tempo: float = 0.0
    beat_phase: float = 0.0
    pictures_per_s: float = 0.0
    runtime: str = ""
    sound_age_ms: float | None = None
    scene: str = ""
    prompt: str = ""
    input_name: str = ""
    input_state: str = ""
    input_ok: bool = True
    osc_accepted: int = 0
    osc_dropped: int = 0
    recording_s: float | None = None
    loading: str = ""
    warnings: tuple[str, ...] = ()
