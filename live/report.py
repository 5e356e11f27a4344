"""The report of a show: what was heard, made and shown, as plain numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from live.performance import Performance
    from live.render import BendTrace, RenderStats

__all__ = ["report"]


def report(performance: Performance) -> dict[str, Any]:
    """Return the numbers of a show, as `--report` writes them.

    `pictures` counts new outputs of the generator; `distinct` those that differ from the one before. `seconds` runs
    from the first picture to the last. Ages are render start minus publication of the newest feature. `recording` is
    how the last recording went, null when there was none, and `recordings_failed` lists those that did not go well;
    `failure` why the show ended early, or null. `input` says how the ears were at the end: `state` is one of
    `EarsStatus`, `message` why no sound came then, or what else is odd. `osc_dropped_by_reason` adds up to
    `osc_dropped`; `osc_last_error` says what was wrong with the newest of them.
    """
    stats = performance.renderer.stats
    generator = performance.renderer.generator
    width, height = generator.size if generator is not None else (0, 0)
    seconds = max(stats.last_s - (stats.first_s or stats.last_s), 0.0)
    osc = performance.osc.stats() if performance.osc is not None else None
    newest = performance.renderer.newest
    return {
        "seconds": round(seconds, 3),
        "pictures": stats.pictures,
        "distinct": stats.distinct,
        "pictures_per_s": round((stats.pictures - 1) / seconds, 2) if seconds else 0.0,
        "width": width,
        "height": height,
        "steps": newest.spec.steps if newest is not None else 0,
        "scene": performance.director.playing,
        "model": generator.model if generator is not None else None,
        "runtime": generator.playing if generator is not None else None,
        "onsets_heard": stats.onsets_heard,
        "onsets_shown": stats.onsets_shown,
        "feature_age_ms": stats.feature_age.summary_ms(),
        "picture_ms": stats.picture.summary_ms(),
        "hops_lost": performance.renderer.hearing.hops_lost,
        "osc_received": osc.received if osc else 0,
        "osc_dropped": osc.dropped_total if osc else 0,
        "osc_dropped_by_reason": osc.dropped if osc else {},
        "osc_last_error": osc.last_error if osc else "",
        "restarts": sum(thread.restarts for thread in performance.threads),
        "input": {
            "name": performance.heard.device or performance.settings.input,
            "state": performance.heard.state,
            "message": performance.heard.message,
        },
        "recording": recording(performance),
        "recordings_failed": [
            {"path": str(one.path), "error": one.status.error}
            for one in performance.director.recordings.done
            if one.status.error
        ],
        "failure": str(performance.failure) if performance.failure is not None else None,
        "bends": bends(stats),
    }


def recording(performance: Performance) -> dict[str, Any] | None:
    """Return how the last recording went; None when there was none."""
    if not performance.director.recordings.done:
        return None
    last = performance.director.recordings.done[-1]
    return {
        "path": str(last.path),
        "seconds": round(last.status.seconds, 3),
        "dropped": last.status.dropped,
        "skipped": last.status.skipped,
        "samples_lost": last.status.samples_lost,
        "error": last.status.error,
    }


def bends(stats: RenderStats) -> dict[str, dict[str, Any]]:
    """Return, for each bend, the range and the number of changes of its most moved parameter, and of each one."""
    grouped: dict[str, dict[str, BendTrace]] = {}
    for address, trace in stats.bends.items():
        name, parameter = address.split("/")
        grouped.setdefault(name, {})[parameter] = trace
    made = {}
    for name, parameters in grouped.items():
        most = max(parameters.values(), key=lambda trace: trace.changes)
        made[name] = {
            "min": most.low,
            "max": most.high,
            "changes": most.changes,
            "parameters": {
                key: {"min": trace.low, "max": trace.high, "changes": trace.changes}
                for key, trace in parameters.items()
            },
        }
    return made
