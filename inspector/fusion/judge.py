"""The judge: a trained artefact that says pass, fail or review of a part, and shows where."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inspector.config import Station
from inspector.features import Features
from inspector.fusion import artefact
from inspector.fusion import attribution as attributing
from inspector.fusion.artefact import Manifest, refuse_misfit
from inspector.fusion.attribution import Numbers
from inspector.fusion.calibration import Calibration, softmax
from inspector.fusion.good_parts import GoodParts, embedding
from inspector.fusion.known_kinds import KnownDefects
from inspector.fusion.localization import Localization, Localizer, Seen
from inspector.fusion.opinion import Opinion
from inspector.fusion.runtime import Read, Runtime
from inspector.fusion.serving import serve_by
from inspector.fusion.trust import Trust, matched_channels, trust
from inspector.parts import UNKNOWN_DEFECT, Attribution, Defect, GoodPart, Modality, ModelRef, Verdict
from inspector.remarks import of_channel, remark

UNUSABLE_BELOW = 0.2
"""A channel of lower quality counts as unseen when it is decided whether a part may pass."""


class Judge:
    """One model. Safe to use from several threads; every method takes one part."""

    def __init__(self, manifest: Manifest, runtime: Runtime, good: GoodParts | None = None, known: KnownDefects | None = None) -> None:
        self.manifest = manifest
        self.calibration = manifest.calibration
        self.ref = ModelRef(manifest.name, manifest.version, manifest.weights.sha256)
        self.runtime = runtime
        self.refused: str | None = None
        """Why the export that lies beside the model does not serve; None where it does, or where there is none."""
        self._localizer = Localizer(runtime, manifest.network.image_size, manifest.calibration, manifest.heat)
        self._good = good or GoodParts()
        self._known = known
        self._turn = threading.Lock()
        self._last: tuple[Features, Read] | None = None

    @classmethod
    def load(cls, model_dir: Path | str) -> Judge:
        """Read a model folder. Raises ModelError in one line."""
        folder = Path(model_dir)
        manifest = artefact.load_manifest(folder)
        runtime, refused = serve_by(folder, manifest)
        judge = cls.of(folder, manifest, runtime)
        judge.refused = refused
        return judge

    @classmethod
    def of(cls, folder: Path, manifest: Manifest, runtime: Runtime) -> Judge:
        """Return a judge of a model folder that a given runtime computes. Raises ModelError."""
        return cls(manifest, runtime, artefact.load_good_parts(folder, manifest), artefact.load_known_defects(folder, manifest))

    def serve(self, station: Station) -> tuple[str, bool]:
        """Decide as this station wishes from now on; return the rule in one line, and whether all that was asked for is promised.

        Raises ModelError where the model does not fit the station.
        """
        refuse_misfit(self.manifest, station.part_channels)
        self.calibration = self.manifest.calibration.decided(station.decision)
        promise = self.calibration.promise
        return self.calibration.rule, promise is None or promise.kept == "with_confidence"

    def decide_at(self, threshold: float) -> None:
        """Fail parts from this score on from now on, whatever is promised or costs least; the review band ends there."""
        update = {"threshold": threshold, "review_from": min(self.calibration.review_from, threshold), "promise": None}
        self.calibration = self.calibration.model_copy(update={**update, "rule": f"threshold {threshold:g}, as asked for"})

    @property
    def served_by(self) -> str:
        """What computes the verdicts, and why nothing faster does."""
        return f"{self.runtime.words}; the export is not used: {self.refused}" if self.refused else self.runtime.words

    def absent_channels(self, station: Station) -> list[str]:
        """Return the channels of the model that a station does not have."""
        return artefact.absent_channels(self.manifest, station.part_channels)

    def warm_up(self) -> None:
        """Make this process ready to judge one part after the other, the first as fast as the thousandth."""
        self.runtime.warm_up()

    def judge(self, features: Features) -> Verdict:
        """Return the verdict of one part. A part that cannot be seen well enough is `review`, never `pass`."""
        matched, trusted = self._trust(features)
        usable = {name: quality for name, quality in trusted.quality.items() if quality > 0}
        if not usable:
            return self._unseen(trusted)
        read = self._read(features, matched, trusted)
        return self._verdict(self.runtime.ask(read), trusted, read)

    def localize(self, features: Features, verdict: Verdict) -> Localization:
        """Return heat maps of the fused decision at picture size, and the regions they point to."""
        matched, trusted = self._trust(features)
        channels = features.record.channels
        seen = [
            Seen(camera, name, features.pictures[name], features.record.frames[name], channels[name].scale_mm_per_px)
            for camera in self.manifest.spec.cameras
            if (name := matched.get(camera)) is not None and trusted.quality[camera] > 0
        ]
        if not seen:
            return Localization()
        read = self._read(features, matched, trusted)
        kind = verdict.defects[0].kind if verdict.defects else _likeliest(verdict.kind_probabilities)
        return self._localizer.localize(read, seen, score=verdict.score, kind=kind)

    def attribute(self, features: Features, verdict: Verdict) -> tuple[Attribution, ...]:
        """Return which bands and spans of the sounds, vibrations and series drove the verdict; none by a model without good parts."""
        matched, trusted = self._trust(features)
        if not any(trusted.quality[channel] > 0 for channel in matched.keys() & self._good.means.keys()):
            return ()
        read = self._read(features, matched, trusted)
        here = {
            channel: (features.vectors[name].summary, features.vectors[name].steps)
            for channel, name in matched.items()
            if channel in self._good.means and trusted.quality[channel] > 0
        }

        def gradients(path: Numbers) -> Numbers:
            with self._turn:
                return self.runtime.gradients(read, path)

        found = attributing.contributions(gradients, here, self._good.means)
        return attributing.attributions(found, features.vectors, matched, verdict.weights)

    def nearest_good(self, features: Features) -> tuple[GoodPart, ...]:
        """Return for each camera the remembered good part that looks most like this one."""
        matched, trusted = self._trust(features)
        cameras = [camera for camera in self._good.pictures if camera in matched and trusted.quality[camera] > 0]
        if not cameras:
            return ()
        read = self._read(features, matched, trusted)
        return tuple(
            self._good.pictures[camera].nearest(matched[camera], embedding(self.runtime.maps(read, camera)[:2])) for camera in cameras
        )

    def looks(self, features: Features) -> dict[str, NDArray[np.float32]]:
        """Return what each camera's picture looks like to the backbone, by the part's channel."""
        matched, trusted = self._trust(features)
        read = self._read(features, matched, trusted)
        cameras = [camera for camera in self.manifest.network.cameras if camera in matched and trusted.quality[camera] > 0]
        return {matched[camera]: embedding(self.runtime.maps(read, camera)[:2]) for camera in cameras}

    def seen(self, features: Features) -> Read:
        """Return one part as the runtime reads it."""
        matched, trusted = self._trust(features)
        return self._read(features, matched, trusted)

    def _trust(self, features: Features) -> tuple[dict[str, str], Trust]:
        matched = matched_channels(features, self.manifest.channels)
        return matched, trust(features, matched, self.manifest.indicators)

    def _read(self, features: Features, matched: dict[str, str], trusted: Trust) -> Read:
        # `localize` follows `judge` of the same part: the backbone, most of the work, need not run twice.
        last = self._last
        if last is not None and last[0] is features:
            return last[1]
        read = self.runtime.read(features, matched, trusted.quality)
        self._last = (features, read)
        return read

    def _verdict(self, opinion: Opinion, trusted: Trust, read: Read) -> Verdict:
        calibration, evidence = self.calibration, opinion.evidence[0]
        score = calibration.score(evidence)
        outcome = calibration.outcome(score)
        kinds = _probabilities(self.manifest.kinds, opinion.kind_logits[0], calibration.kind_temperature)
        causes = _probabilities(self.manifest.causes, opinion.cause_logits[0], calibration.cause_temperature)
        reasons: tuple[str, ...] = ()
        if outcome == "pass":
            reasons = self._blind_spots(trusted) + _disagreement(calibration, evidence)
        elif outcome == "review":
            reasons = (_undecided(score, calibration),)
        kind = UNKNOWN_DEFECT if outcome != "pass" and self._is_new(opinion, trusted, read) else _likeliest(kinds)
        return Verdict(
            outcome="review" if reasons else outcome,
            score=score,
            threshold=calibration.threshold,
            model=self.ref,
            defects=() if outcome == "pass" else (Defect(kind, score * kinds.get(kind, 1.0)),),
            kind_probabilities=kinds,
            cause_probabilities=causes,
            weights=calibration.shares(evidence, opinion.attention[0]),
            quality=trusted.quality,
            degraded=trusted.degraded,
            reasons=reasons,
            score_interval=self._interval(score, opinion, trusted),
        )

    def _interval(self, score: float, opinion: Opinion, trusted: Trust) -> tuple[float, float] | None:
        calibration = self.manifest.calibration
        if calibration.mode == "kinds_only":
            return None
        quality: dict[Modality, float] = {}
        for name, modality in self.manifest.channels.items():
            quality[modality] = max(quality.get(modality, 0.0), trusted.quality.get(name, 0.0))
        return calibration.doubt.interval(score, quality, calibration.evidence.get("fused", 0.0) * float(np.std(opinion.fused[0])))

    def _unseen(self, trusted: Trust) -> Verdict:
        return Verdict(
            outcome="review",
            score=self.calibration.threshold,
            threshold=self.calibration.threshold,
            model=self.ref,
            quality=trusted.quality,
            degraded=trusted.degraded,
            reasons=(remark("no channel of this part can be used"),),
            score_interval=(0.0, 1.0),
        )

    def _blind_spots(self, trusted: Trust) -> tuple[str, ...]:
        leading = self.manifest.leading
        ours = [name for name, modality in self.manifest.channels.items() if modality == leading]
        if not ours or any(trusted.quality.get(name, 0.0) >= UNUSABLE_BELOW for name in ours):
            return ()
        return tuple(of_channel(name, trusted.degraded.get(name, remark("cannot be used"))) for name in ours[:3])

    def _is_new(self, opinion: Opinion, trusted: Trust, read: Read) -> bool:
        """Tell whether a defect is unlike all that training showed; where its modality cannot be used, nothing says so."""
        recognition = self.manifest.recognition
        if self._known is None or recognition is None:
            return False
        channels = [name for name, modality in self.manifest.channels.items() if modality == recognition.modality]
        if max(trusted.quality.get(name, 0.0) for name in channels) < UNUSABLE_BELOW:
            return False
        numbers = self.runtime.numbers(read, opinion, recognition.modality)
        return numbers is not None and self._known.strangeness(numbers) > recognition.limit


def _likeliest(kinds: Mapping[str, float]) -> str:
    return max(kinds, key=lambda name: kinds[name]) if kinds else UNKNOWN_DEFECT


SENSES = {"image": "picture", "audio": "sound", "vibration": "vibration", "series": "process values"}


def _disagreement(calibration: Calibration, evidence: Mapping[str, float]) -> tuple[str, ...]:
    """Return why a part that would pass is held back: its senses contradict each other."""
    if not calibration.conflicting(evidence):
        return ()
    own = {modality: evidence[f"own_{modality}"] for modality in SENSES if f"own_{modality}" in evidence}
    if len(own) < 2:
        return ()
    bad, good = max(own, key=lambda name: own[name]), min(own, key=lambda name: own[name])
    against = "{bad} and {good} disagree: {bad} speaks for a defect, {good} against it"
    return (remark(against, bad=SENSES[bad], good=SENSES[good]),)


def _undecided(score: float, calibration: Calibration) -> str:
    low, high = calibration.review_from, calibration.threshold
    said = "score {score} lies between {low} and {high}: a person must look"
    return remark(said, score=f"{score:.3g}", low=f"{low:.3g}", high=f"{high:.3g}")


def _probabilities(names: list[str], logits: np.ndarray, temperature: float) -> dict[str, float]:
    if not names:
        return {}
    return {name: float(p) for name, p in zip(names, softmax(logits, temperature), strict=True)}
