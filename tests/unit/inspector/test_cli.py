import argparse
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from inspector import cli
from inspector.commands import evaluate
from inspector.errors import DataError
from inspector.parts import MODALITIES
from inspector.training.parts_folder import SPLITS

HEAVY = ("numpy", "torch", "pandas", "sklearn", "scipy", "librosa", "cv2", "streamlit", "pydantic", "sqlalchemy", "plotly", "av", "mcap")


def command(run):
    return SimpleNamespace(SUMMARY="do it", __doc__="Do it.\n\nexample:\n  inspector act", add_arguments=lambda _: None, run=run)


@pytest.fixture
def act(monkeypatch):
    """Install one command, `act`, that runs the given function."""

    def install(run):
        monkeypatch.setattr(cli, "_commands", lambda: {"act": lambda: command(run)})

    return install


def raising(error):
    def run(arguments):
        raise error

    return run


def test_a_command_that_works_exits_with_0(act):
    act(lambda _: 0)
    assert cli.main(["act"]) == 0


def test_a_mistake_of_the_user_is_one_line_and_exits_with_2(act, capsys):
    act(raising(DataError("holds no part", path="parts.csv", row=3)))
    assert cli.main(["act"]) == 2
    assert capsys.readouterr().err == "inspector act: parts.csv, row 3: holds no part\n"


def test_an_inner_failure_is_one_line_and_exits_with_1(act, capsys):
    act(raising(ZeroDivisionError("division by zero")))
    assert cli.main(["act"]) == 1
    assert capsys.readouterr().err == "inspector act: inner failure: ZeroDivisionError: division by zero (run with -v for details)\n"


def test_an_inner_failure_shows_its_traceback_when_asked(act):
    act(raising(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        cli.main(["-v", "act"])


def test_a_package_that_this_installation_does_without_is_named_with_the_extra_that_brings_it(act, capsys):
    act(raising(ModuleNotFoundError("No module named 'torch.nn'", name="torch.nn")))
    assert cli.main(["act"]) == 2
    assert capsys.readouterr().err.endswith("needs torch.nn, which is not installed: pip install 'line-inspector[train]'\n")


def test_an_interrupt_exits_as_shells_expect(act):
    act(raising(KeyboardInterrupt()))
    assert cli.main(["act"]) == 130


def test_wrong_use_exits_with_2(act, capsys):
    act(lambda _: 0)
    for arguments in ([], ["fly"], ["act", "--fast"]):
        with pytest.raises(SystemExit) as stopped:
            cli.main(arguments)
        assert stopped.value.code == 2
    assert "usage:" in capsys.readouterr().err


@pytest.mark.parametrize("name", sorted(cli._commands()))
def test_every_command_has_an_example(name):
    module = cli._commands()[name]()
    assert f"inspector {name}" in module.__doc__
    assert "example" in module.__doc__
    parser = argparse.ArgumentParser()
    module.add_arguments(parser)
    assert module.SUMMARY[0].islower()
    assert not module.SUMMARY.endswith(".")


LOOK = f"""
import sys
from inspector.cli import main
try:
    main(["--help"])
except SystemExit:
    print([name for name in {HEAVY} if name in sys.modules])
"""


def test_help_imports_nothing_heavy():
    done = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stdout
    assert "train" in done.stdout


def test_commands_name_the_modalities_as_parts_do():
    assert evaluate.MODALITIES == MODALITIES
    assert evaluate.SPLITS == SPLITS


def test_the_installed_command_answers():
    done = subprocess.run([Path(sys.executable).with_name("inspector"), "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout.startswith("usage: inspector")


def test_many_bad_rows_are_counted_by_what_is_wrong_with_them() -> None:
    from inspector.commands.output import row_lines

    rows = [(n + 2, "no action" if n % 3 else f"minutes 'word {n}' is not a number") for n in range(300)]
    lines = row_lines(rows)
    assert lines[0] == "  row 2: minutes 'word 0' is not a number"
    assert lines[-2:] == [
        "  … and 280 more; --json FILE writes them all",
        "  of all: 200 rows: no action; 100 rows: minutes … is not a number",
    ]
    assert len(row_lines(rows[:20])) == 20
