"""The card of a trained model: what it was made from and how good it is, for people."""

from __future__ import annotations

from inspector.fusion.artefact import Manifest


def card_text(manifest: Manifest) -> str:
    """Return the card as Markdown; every number in it comes from the manifest."""
    made, calibration = manifest.training, manifest.calibration
    fewer = "; any subset of them will do, fewer are less certain" if len(manifest.modalities) > 1 else ""
    lines = [
        f"# {manifest.name} {manifest.version}",
        "",
        f"Judges parts by {', '.join(manifest.modalities)}{fewer}.",
        "",
        "## Made from",
        f"- data: {made.data} ({', '.join(f'{n} {split}' for split, n in made.parts.items())} parts; sha256 {made.data_sha256[:12]}…)",
        f"- recipe: {made.recipe.get('name')}, seed {made.seed}; chosen: {_listed(made.chosen)}",
        f"- channels: {', '.join(f'{name} ({modality})' for name, modality in manifest.channels.items())}",
        "",
        "## Tells",
        f"- kinds of defect: {', '.join(manifest.kinds) or 'none was seen: it tells good parts from others'}",
        *_unknown_kinds(manifest),
        f"- causes: {', '.join(manifest.causes) or 'none was labelled'}",
        f"- mode: {calibration.mode}; threshold {calibration.threshold:.3f}, review from {calibration.review_from:.3f}",
        f"- rule of the threshold: {calibration.rule}",
        "",
        "## Intended for",
        *_stations(manifest),
        "",
        f"## Figures ({made.chosen.get('calibrated_on', 'held out')}; by calibrations that did not see the part)",
        *[f"- {name.replace('_', ' ')}: {_shown(value)}" for name, value in manifest.figures.items()],
        *_held_out_lines(manifest),
        "",
        "Figures on unseen parts: `inspector evaluate` on the test split.",
    ]
    if manifest.leading:
        lines += ["", f"A part whose {manifest.leading} cannot be used is sent to review instead of being passed."]
    return "\n".join(lines) + "\n"


def _stations(manifest: Manifest) -> list[str]:
    """Return on which stations the model may serve."""
    channels = []
    for name, modality in manifest.channels.items():
        unit = manifest.units.get(name)
        channels.append(f"{name} ({modality}, {unit})" if unit else f"{name} ({modality})")
    return [
        f"- stations that inspect what {manifest.training.data} shows, with channels {', '.join(channels)}; the only channel of a modality",
        "  may have another name, and one that is missing leaves a less certain judge",
        "- refused where no channel fits, or one is in another unit; `inspector station check STATION --model MODEL_DIR` tells",
        "- not for other products, lamps, machines or mountings of the sensors: what is promised holds for parts like those held out",
    ]


def _unknown_kinds(manifest: Manifest) -> list[str]:
    """Return what becomes of a defect of a kind that training never saw."""
    found = manifest.recognition
    if not manifest.kinds:
        return []
    by_known = "- a kind that it never saw is called by the name of a known one"
    if found is None:
        return [f"{by_known}: too few kinds were seen to test whether a new one is noticed"]
    if not found.used:
        return [f"{by_known}: kinds that were left out were hardly told (AUROC {found.auroc:.2f})"]
    told = (
        f"{found.found:.0%} of the parts of left-out kinds were (AUROC {found.auroc:.2f}), and {found.mistaken:.0%} of those of known kinds"
    )
    seen = ", at places found by a network that knew all kinds, so expect less" if found.modality == "image" else ""
    return [f"- a defect unlike all known kinds by its {found.modality} is called unknown: {told}{seen}"]


def _held_out_lines(manifest: Manifest) -> list[str]:
    """Return the tables over held-out parts: what is missed by kind, and how true the probabilities are."""
    held = manifest.held_out
    if not held:
        return []
    lines = ["", "## Known misses", "", "| kind | parts | passed unseen (95 %) | named right (95 %) |", "|---|---|---|---|"]
    for name, kind in sorted(held["kinds"].items(), key=lambda item: -item[1]["missed"] / item[1]["parts"]):
        missed, right = kind["missed_interval"], kind["recall_interval"]
        passed = f"{kind['missed']} ({missed[0]:.0%} to {missed[1]:.0%})"
        lines.append(f"| {name} | {kind['parts']} | {passed} | {kind['recall']:.0%} ({right[0]:.0%} to {right[1]:.0%}) |")
    lines += ["", f"Scored lowest of the defective parts that pass: {', '.join(held['lowest_scored']) or 'none passes'}."]
    if "reliability" in held:
        error, rate = held["expected_calibration_error"], manifest.calibration.defect_rate or 0.0
        lines += [
            "",
            "## Are probabilities true?",
            "",
            f"Expected calibration error {error:.3f}, at the labelled defect rate {rate:.3g}.",
        ]
        lines += ["", "| parts | said | came true |", "|---|---|---|"]
        lines += [f"| {row['parts']} | {row['said']:.2f} | {row['came_true']:.2f} |" for row in held["reliability"]]
    return lines


def _listed(values: dict[str, object]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in values.items())


def _shown(value: object) -> str:
    return ", ".join(f"{name} {number}" for name, number in value.items()) if isinstance(value, dict) else str(value)
