"""`VideoWriter`: pictures and sound into a video file that stays playable whatever happens to the writer.

``.mkv`` holds H.264 and FLAC (every sample, to 16 or 24 bits), ``.mp4`` H.264 and AAC (for players that know nothing
else).
"""

from __future__ import annotations

import contextlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter

from bentlight.errors import BadInput

__all__ = ["FORMATS", "MOST_CHANNELS", "CannotWrite", "VideoWriter", "check_video", "plays"]

FORMATS = (".mkv", ".mp4")
MOST_CHANNELS = 8
"""Channels of sound that a video holds."""

_GROUP_S = 0.25
_CLUSTER_MS, _FILM_CLUSTER_MS = 200, 2000
_SLOWEST_FPS, _FASTEST_FPS = 0.1, 1000.0
_BT709 = 1
_TV_RANGE = 1
_THREADS_ABOVE = 640 * 640
_FRAGMENTS = "frag_keyframe+delay_moov+default_base_moof"
# A file that is whole is an ordinary one in the end, which all players can seek in; FFmpeg before 8 leaves fragments.
_FRAGMENTS_UNTIL_WHOLE = ("hybrid_fragmented+" if av.library_versions["libavformat"][0] >= 62 else "") + _FRAGMENTS
_AAC_RATES = (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350)


def check_video(
    path: Path, sample_rate: int | None = None, channels: int = 2, fps: float | Fraction | None = None
) -> None:
    """See that a video of that name can be, and hold sound of that rate and so many channels, and so many pictures.

    Raises
    ------
    BadInput
        If its ending is unknown, it is an ``.mp4`` and AAC lacks the rate or the channels, or `fps` is out of range.
    """
    if fps is not None and not _SLOWEST_FPS <= fps <= _FASTEST_FPS:
        raise BadInput(
            f"{path} cannot have {float(fps):g} pictures per second; give {_SLOWEST_FPS:g} to {_FASTEST_FPS:g}."
        )
    if path.suffix.lower() not in FORMATS:
        raise BadInput(f"{path} is no name for a video; let it end in {' or '.join(FORMATS)}.")
    if path.suffix.lower() == ".mp4" and sample_rate:
        if sample_rate not in _AAC_RATES:
            raise BadInput(f"{path} cannot hold sound at {sample_rate} Hz, as an .mp4; let it end in .mkv.")
        if channels >= MOST_CHANNELS:
            raise BadInput(f"{path} cannot hold sound of {channels} channels, as an .mp4; let it end in .mkv.")


class CannotWrite(BadInput):
    """A video that can no longer be written, and why."""

    def __init__(self, path: Path, reason: str) -> None:
        self.reason = reason
        super().__init__(f"{path} can no longer be written ({reason}); what is in it stays playable.")


class VideoWriter:
    """Writes one file, picture by picture and block by block.

    A live file (`live`) is written so that little is lost when the writer is killed: groups of pictures of a quarter
    of a second, no look-ahead, no B-frames, every packet handed to the system at once, fragments in ``.mp4``. A file
    that is not live is compressed better and comes out byte for byte the same when the same is written again; a kill
    costs it its last seconds.

    Parameters
    ----------
    path : str or Path
        Ends in ``.mkv`` or ``.mp4``. An existing file is replaced.
    width, height : int
        Size of the pictures in pixels, from 16. An odd size is made even by repeating the last row or column.
    fps : float or Fraction
        Pictures per second.
    sample_rate : int or None
        Samples per second of the sound; None for no sound.
    channels : int
        1 to 8; more than 2 are refused by some players.
    bits : int
        16 or 24: how finely FLAC keeps the samples. What was read from a file of as many bits comes out exactly.
    live : bool
    crf : int
        Constant rate factor of x264, 0 (lossless) to 51; 18 looks like the original.

    Raises
    ------
    BadInput
        If the file cannot be written or a number is out of range.
    """

    def __init__(
        self,
        path: str | Path,
        width: int,
        height: int,
        fps: float | Fraction,
        sample_rate: int | None = None,
        channels: int = 2,
        *,
        bits: int = 16,
        live: bool = True,
        crf: int = 18,
    ) -> None:
        self.path = Path(path)
        check_video(self.path, sample_rate, channels, fps)
        if min(width, height) < 16 or not 1 <= channels <= MOST_CHANNELS or bits not in (16, 24):
            raise BadInput(
                f"{self.path}: {width} x {height} pixels and {channels} channels of {bits} bits make no video; take at "
                "least 16 x 16, 1 to 8, and 16 or 24."
            )
        self.width, self.height = width, height
        self.fps = Fraction(fps if isinstance(fps, Fraction) else float(fps)).limit_denominator(1001)
        self.sample_rate, self.channels, self._bits = sample_rate, channels, bits
        self.error: str | None = None
        self._reformatter = VideoReformatter()
        self._closed = False
        mp4 = self.path.suffix.lower() == ".mp4"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._container = av.open(str(self.path), "w", container_options=_container_options(mp4, live))
        except (OSError, av.FFmpegError) as error:
            raise BadInput(f"{self.path} cannot be written ({_plain(error)}); choose another place.") from None
        try:
            self._video = self._add_video(live, crf)
            self._audio = self._add_audio("aac" if mp4 else "flac", live) if sample_rate else None
            self._container.start_encoding()
        except (OSError, ValueError, av.FFmpegError) as error:
            self._closed = True
            self._give_up()
            raise BadInput(f"{self.path} cannot be written ({_plain(error)}); choose another place or size.") from None

    def _add_video(self, live: bool, crf: int) -> Any:
        group_s = _GROUP_S if live else 2.0
        small = self.width * self.height <= _THREADS_ABOVE
        options = {
            "crf": str(crf),
            "preset": "veryfast" if live else "medium",
            # The number of threads changes what x264 writes, so a file that must come out the same has one.
            "threads": "1" if small or not live else "4",
        }
        if live:
            options["tune"] = "zerolatency"
        else:
            # Measured: with x264's weighted prediction and look-ahead, even on one thread, about one file in ten
            # came out different.
            options["x264-params"] = "weightp=0:mbtree=0:rc-lookahead=0"
        stream: Any = self._container.add_stream("libx264", rate=self.fps, options=options)
        stream.width, stream.height = self.width + self.width % 2, self.height + self.height % 2
        stream.pix_fmt = "yuv420p"
        stream.time_base = 1 / self.fps
        context = stream.codec_context
        context.time_base = 1 / self.fps
        context.gop_size = max(1, round(float(self.fps) * group_s))
        context.max_b_frames = 0
        context.color_primaries = context.color_trc = context.colorspace = _BT709
        context.color_range = _TV_RANGE
        return stream

    def _add_audio(self, codec: str, live: bool) -> Any:
        layout = {1: "mono", 2: "stereo"}.get(self.channels, f"{self.channels}c")
        stream: Any = self._container.add_stream(codec, rate=self.sample_rate, layout=layout)
        stream.time_base = Fraction(1, self.sample_rate or 1)
        if codec == "flac":
            # Of 32 bits, FFmpeg's FLAC keeps the upper 24.
            stream.codec_context.format = "s16" if self._bits == 16 else "s32"
            if live:
                # Blocks of 1024 samples: a block is only on disk when it is full.
                stream.codec_context.options = {"frame_size": "1024"}
        else:
            stream.codec_context.bit_rate = 192_000
        return stream

    def write_picture(self, pixels: np.ndarray, index: int) -> None:
        """Encode one picture.

        Parameters
        ----------
        pixels : ndarray of uint8, shape (height, width, 3)
            Red, green, blue. Another size than the video's is scaled to it.
        index : int
            Number of the frame, growing from call to call; it is shown from ``index / fps`` on.

        Raises
        ------
        BadInput
            If the file can no longer be written, as on a full disk. What was written before stays playable.
        """
        self._check_open()
        height, width = pixels.shape[:2]
        if (width, height) == (self.width, self.height) and (width % 2 or height % 2):
            pixels = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
        frame = self._reformatter.reformat(
            frame,
            self._video.width,
            self._video.height,
            "yuv420p",
            dst_colorspace=Colorspace.ITU709,
            interpolation=Interpolation.BICUBIC,
        )
        frame.pts = index
        frame.time_base = 1 / self.fps
        self._mux(self._video, frame)

    def write_sound(self, samples: np.ndarray, start: int) -> None:
        """Encode a block of sound that follows the one before.

        Parameters
        ----------
        samples : ndarray of float32, shape (n, channels)
            Full scale is 1; what is beyond is clipped, what is not finite becomes 0.
        start : int
            Number of the first sample, counted from the beginning of the file.

        Raises
        ------
        BadInput
            If the file can no longer be written, or was opened without sound.
        """
        self._check_open()
        if self._audio is None:
            raise BadInput(f"{self.path} was opened without sound; give a sample rate.")
        if len(samples) == 0:
            return
        clean = np.nan_to_num(np.asarray(samples, np.float32), nan=0.0, posinf=1.0, neginf=-1.0).clip(-1.0, 1.0)
        kind = self._audio.codec_context.format.name
        if kind in ("s16", "s32"):
            # A power of two, as files are read by: it gives their own numbers back.
            full = 1 << (self._bits - 1)
            whole = np.rint(clean * np.float32(full)).clip(-full, full - 1).astype(np.int32)
            block = whole.astype(np.int16) if kind == "s16" else whole << (32 - self._bits)
            frame = av.AudioFrame.from_ndarray(
                block.reshape(1, -1), format=kind, layout=self._audio.codec_context.layout
            )
        else:
            planes = np.ascontiguousarray(clean.T)
            frame = av.AudioFrame.from_ndarray(planes, format="fltp", layout=self._audio.codec_context.layout)
        frame.sample_rate = self._audio.codec_context.sample_rate
        frame.pts = start
        frame.time_base = Fraction(1, self.sample_rate or 1)
        self._mux(self._audio, frame)

    def close(self) -> None:
        """Write what is still inside the encoders and finish the file. Calling it again does nothing.

        Raises
        ------
        BadInput
            If the end of the file cannot be written.
        """
        if self._closed:
            return
        self._closed = True
        if self.error is not None:
            self._give_up()
            return
        try:
            for stream in (self._video, self._audio):
                if stream is not None:
                    self._container.mux(stream.encode(None))
            self._container.close()
        except (OSError, ValueError, av.FFmpegError) as error:
            self._fail(error)

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _mux(self, stream: Any, frame: Any) -> None:
        try:
            for packet in stream.encode(frame):
                self._container.mux_one(packet)
        except (OSError, ValueError, av.FFmpegError) as error:
            self._fail(error)

    def _check_open(self) -> None:
        if self.error is not None:
            raise BadInput(self.error)
        if self._closed:
            raise BadInput(f"{self.path} is finished; open another file.")

    def _fail(self, error: Exception) -> None:
        fault = CannotWrite(self.path, _plain(error))
        self.error = str(fault)
        raise fault from None

    def _give_up(self) -> None:
        # The error was told when it came.
        with contextlib.suppress(OSError, ValueError, av.FFmpegError):
            self._container.close()


def _container_options(mp4: bool, live: bool) -> dict[str, str]:
    # No packet waits in a buffer of the writer: of a quiet film hours would.
    options = {"fflags": "+bitexact", "flush_packets": "1"}
    if live:
        # Packets of one stream never wait long for the other's.
        options["max_interleave_delta"] = "300000"
    if mp4:
        options["movflags"] = _FRAGMENTS if live else _FRAGMENTS_UNTIL_WHOLE
    else:
        options["cluster_time_limit"] = str(_CLUSTER_MS if live else _FILM_CLUSTER_MS)
    return options


def plays(path: Path) -> bool:
    """Whether there is a picture in a video."""
    try:
        with av.open(str(path)) as container:
            return next(container.decode(video=0), None) is not None
    except (OSError, ValueError, IndexError, av.FFmpegError):
        return False


def _plain(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).rstrip(".")
