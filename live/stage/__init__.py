"""The stage: the window in which pictures are shown, at the display's own pace.

`Stage` is in `live.stage.window` and `HeadlessStage` in `live.stage.headless`; pygame is only imported by the former.
"""

from live.stage.state import HudState, StageSettings

__all__ = ["HudState", "StageSettings"]
