"""Words for what is wrong with a file that a person wrote."""

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from inspector.config import Station
from inspector.mistakes import description_at, mistakes_in, unknown


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    width_px: int = Field(description="how wide")


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    mode: Literal["fast", "slow"] = "fast"
    one: Inner | None = None
    many: list[Inner] = []
    named: dict[str, Annotated[Inner, Field()]] = {}


def told(content, model=Outer, key=""):
    with pytest.raises(ValidationError) as error:
        model.model_validate(content)
    return [str(one) for one in mistakes_in(error.value, model, content, key)]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"mod": "fast"}, "mod: unknown key 'mod', did you mean 'mode'?"),
        ({"xyz": 1}, "xyz: unknown key 'xyz', there are many, mode, named, one"),
        ({"mode": "fsat"}, "mode: Input should be 'fast' or 'slow', did you mean 'fast'?"),
        ({"mode": None}, "mode: is empty, fill it in: Input should be 'fast' or 'slow'"),
        ({"one": {}}, "one.width_px: is missing: how wide"),
        ({"one": {"width_px": None}}, "one.width_px: is empty, fill it in: how wide"),
        ({"many": [{"width_px": 1}, {"width_px": 1, "widht_px": 2}]}, "many.1.widht_px: unknown key 'widht_px', did you mean 'width_px'?"),
        ({"named": {"a": {"width_px": 1, "w": 2}}}, "named.a.w: unknown key 'w', there are width_px"),
    ],
)
def test_a_mistake_says_what_to_do(content, says):
    assert told(content) == [says]


def test_a_number_that_is_out_of_bounds_is_named():
    class Likely(BaseModel):
        chance: float = Field(gt=0, lt=1)

    assert told({"chance": 1.3}, Likely) == ["chance: Input should be less than 1, not 1.3"]
    assert told({"chance": 0}, Likely) == ["chance: Input should be greater than 0, not 0"]


def test_all_come_at_once_with_their_place_in_the_file():
    assert told({"mod": 1, "one": {}}, key="channels.x.settings") == [
        "channels.x.settings.one.width_px: is missing: how wide",
        "channels.x.settings.mod: unknown key 'mod', did you mean 'mode'?",
    ]


def test_names_are_not_listed_without_end():
    assert unknown("driver", "zzz", (f"name-{k}" for k in range(40))).endswith("and 28 more")
    assert unknown("driver", "zzz", ()) == "unknown driver 'zzz', there is none"


def test_a_description_is_found_where_it_stands():
    assert description_at(Outer, ("many", 0, "width_px")) == "how wide"
    assert description_at(Outer, ("nothing", "here")) == ""
    assert description_at(Station, ()) == ""
