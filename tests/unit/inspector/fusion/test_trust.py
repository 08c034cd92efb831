from inspector.fusion.trust import familiarity

RANGES = {"snr_db": (10.0, 14.0), "clipped": (0.0, 0.0), "level_db": (-40.0, -38.0)}


def test_what_training_saw_costs_nothing():
    assert familiarity({"snr_db": 12.0, "clipped": 0.0, "level_db": -39.0}, RANGES) == (1.0, "")


def test_worse_than_all_that_training_saw_costs_and_is_named():
    factor, reason = familiarity({"snr_db": -10.0, "clipped": 0.0, "level_db": -39.0}, RANGES)
    assert factor < 0.6
    assert reason == "snr db below all that training saw"


def test_a_louder_and_clearer_sound_is_not_a_worse_one():
    assert familiarity({"snr_db": 50.0, "clipped": 0.0, "level_db": 0.0}, RANGES)[0] == 1.0


def test_measures_that_nobody_knows_are_left_out():
    assert familiarity({"beauty": 1.0}, {"beauty": (5.0, 6.0)}) == (1.0, "")
