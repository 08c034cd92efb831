"""What the card says of a model, for people."""

import pytest

from inspector.fusion.known_kinds import Recognition
from inspector.training.card import card_text
from tests.unit.inspector.fusion.test_artefact import manifest

RECOGNITION = Recognition(modality="audio", limit=0.6, auroc=0.9, found=0.7, mistaken=0.02, used=True)


@pytest.mark.parametrize(
    ("recognition", "says"),
    [
        (
            RECOGNITION,
            "unlike all known kinds by its audio is called unknown: 70% of the parts of left-out kinds were (AUROC 0.90), and 2%",
        ),
        (RECOGNITION.model_copy(update={"used": False, "auroc": 0.6}), "hardly told (AUROC 0.60)"),
        (None, "too few kinds were seen"),
    ],
)
def test_the_card_says_what_becomes_of_a_new_kind(recognition, says):
    assert says in card_text(manifest().model_copy(update={"recognition": recognition}))


def test_the_card_says_for_which_stations_the_model_is():
    card = card_text(manifest().model_copy(update={"units": {"mic": "Pa"}}))
    assert "## Intended for" in card
    assert "mic (audio, Pa)" in card
