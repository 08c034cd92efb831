"""What exists is documented where its reader looks: commands, drivers, causes, station keys, schemas."""

from pathlib import Path

import pytest
import yaml

from dashboards.vocabulary.names import PARAMETERS
from inspector.cli import OWN_COMMANDS
from inspector.commands.schema import KINDS, schema_text
from inspector.config import ChannelConfig, CostsConfig, DecisionConfig, GateConfig, PlcConfig, PromiseConfig, SafeLimitConfig, Station
from inspector.knowledge.seed import load_seed
from inspector.machine import BearingConfig, BeltConfig, MachineConfig
from inspector.plugins import command_points, driver_names

ROOT = Path(__file__).resolve().parents[2]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("command", [*OWN_COMMANDS, *(point.name for point in command_points())])
def test_command_is_in_the_readme(command: str) -> None:
    assert f"inspector {command}" in text("README.md")


@pytest.mark.parametrize("driver", driver_names())
def test_driver_is_in_the_stations_readme(driver: str) -> None:
    assert f"`{driver}`" in text("stations/README.md")


MACHINE_MODELS = (MachineConfig, BearingConfig, BeltConfig)
STATION_MODELS = (
    Station,
    ChannelConfig,
    PlcConfig,
    GateConfig,
    DecisionConfig,
    PromiseConfig,
    CostsConfig,
    SafeLimitConfig,
    *MACHINE_MODELS,
)


@pytest.mark.parametrize("key", [key for model in STATION_MODELS for key in model.model_fields])
def test_station_key_is_in_the_stations_readme(key: str) -> None:
    assert f"`{key}`" in text("stations/README.md")


@pytest.mark.parametrize("cause", [cause["name"] for cause in yaml.safe_load(text("data/knowledge/causes.yaml"))["causes"]])
def test_cause_is_in_the_data_readme(cause: str) -> None:
    assert f"`{cause}`" in text("data/README.md")


@pytest.mark.parametrize("kind", KINDS)
def test_shipped_schema_is_that_of_the_code(kind: str) -> None:
    assert text(f"data/schema/{kind}.schema.json") == schema_text(kind), f"run: inspector schema {kind} > data/schema/{kind}.schema.json"


@pytest.mark.parametrize("setting", sorted({parameter.name for fix in load_seed()[0] for parameter in fix.parameters}))
def test_setting_of_a_shipped_fix_has_a_name_in_both_languages(setting: str) -> None:
    assert setting in PARAMETERS


@pytest.mark.parametrize("section", ["picture", "network", "optimizer", "pretraining", "engine", "decision"])
def test_recipe_key_is_in_the_models_readme(section: str) -> None:
    from inspector.training.recipe import Recipe

    keys = type(getattr(Recipe(name="x"), section)).model_fields
    documented = text("models/README.md")
    assert [key for key in keys if f"`{section}.{key}`" not in documented and f"`.{key}`" not in documented] == []
