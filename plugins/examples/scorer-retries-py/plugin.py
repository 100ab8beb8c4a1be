"""Finds services that repeat themselves: retries have risen and stay high, and each of them is work that others do twice.

A scorer gets one window of readings and says, for each thing that it looked at, how unusual it is: from 0 (as always) to 1
(never seen). What is normal is worth a finding too, because that is what rules a cause out. Start at `Scoring.score`.
"""

import json
import math
from statistics import median

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports.types import Batch, Finding, Manifest, PluginError

NAME = "scorer-retries-py"
RETRIES = "application.retries"  # wit/signals.toml has all signals, with their units
CLASS = "retry.storm"  # wit/classes.toml has all classes

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "worth": {
            "type": "number",
            "default": 1.0,
            "minimum": 0.0,
            "maximum": 1000000.0,
            "description": "Retries per second, above the usual, that are worth a word",
        }
    },
}

config = {"worth": SCHEMA["properties"]["worth"]["default"]}


class Lifecycle(exports.Lifecycle):
    """What the plugin is, and how it is configured."""

    def describe(self) -> Manifest:
        return Manifest(
            name=NAME,
            version="0.1.0",
            summary="Finds services whose retries have risen.",
            signals=[RETRIES],
            classes=[CLASS],
            config_schema=json.dumps(SCHEMA),
            grants=[],
            ext=[],
        )

    def configure(self, config_json: str) -> None:
        # The host has checked it against the schema.
        config.update(json.loads(config_json or "{}"))


class Scoring(exports.Scoring):
    """The job."""

    def score(self, batch: Batch) -> list[Finding]:
        try:
            return findings(batch)
        except Exception as error:
            # An exception that gets out would be a mere trap to the host. As an error of the contract it says why.
            raise Err(PluginError(code="internal", message=told(error), ext=[])) from None


def told(error: Exception) -> str:
    """What went wrong, and in which line. `traceback` would read the source, and there are no files."""
    place = error.__traceback__
    while place.tb_next:
        place = place.tb_next
    return f"{type(error).__name__}: {error} (line {place.tb_lineno} of {place.tb_frame.f_code.co_filename})"


def findings(batch: Batch) -> list[Finding]:
    """A finding for each service of which enough is known."""
    found = []
    for handle, series in enumerate(batch.series):
        if series.signal != RETRIES:
            continue
        # All readings stand in one column; a series says where its own begin. NaN is a missing one.
        judged = judge(batch.values[series.first : series.first + series.count], config["worth"])
        # Too few readings to know what is usual: no finding is more honest than a guess.
        if judged is None:
            continue
        found.append(
            Finding(
                node=series.node,
                signal=RETRIES,
                score=judged["score"],
                magnitude=judged["magnitude"],
                onset_ms=None if judged["since"] is None else series.start_ms + judged["since"] * series.step_ms,
                class_=CLASS,
                observed=judged["now"],
                expected=judged["usual"],
                series=handle,
                log_line=None,
                statement=f"{judged['now']:.1f} retries/s (before: {judged['usual']:.1f})",
                ext=[],
            )
        )
    return found


def judge(values, worth):
    """How far retries have risen above what they were in the first third of the window."""
    known = [place for place, value in enumerate(values) if not math.isnan(value)]
    if len(known) < 24:
        return None
    past = [values[place] for place in known[: len(known) // 3]]
    usual = median(past)
    spread = max(1.4826 * median(abs(value - usual) for value in past), 0.01)
    now = median(values[place] for place in known[-5:])
    rise = now - usual
    magnitude = rise / spread
    # Neither a difference nor a distance of the largest numbers there are is a number.
    if not math.isfinite(magnitude) or not math.isfinite(magnitude * magnitude):
        return None
    # Both must be: unusual for this service, and enough to matter.
    square = magnitude * magnitude
    matters = 0.0 if rise < worth else min(1.0, rise / (3 * worth)) if worth > 0 else 1.0
    score = square / (square + 25) * matters
    # It began after the last reading that was still usual; one that dips at the very end has not ended it.
    usually = (place for place in reversed(known[:-5]) if values[place] < usual + rise / 2)
    since = next((place + 1 for place in usually), None) if score > 0 else None
    return {"score": score, "magnitude": magnitude, "now": now, "usual": usual, "since": since}
