import sys

import pytest

from inspector.errors import DriverError
from inspector.plugins import load_driver


@pytest.mark.parametrize(
    ("name", "package", "extra", "settings"),
    [
        ("opcua-series", "asyncua", "opcua", {"endpoint": "opc.tcp://127.0.0.1:4840", "node": "ns=2;s=x"}),
        ("mqtt-series", "paho", "mqtt", {"host": "127.0.0.1", "topic": "x"}),
    ],
)
def test_a_package_that_is_missing_is_named_with_what_to_install(monkeypatch, name, package, extra, settings):
    for module in [module for module in sys.modules if module.partition(".")[0] == package] + [package]:
        monkeypatch.setitem(sys.modules, module, None)
    driver = load_driver(name)
    with pytest.raises(DriverError, match=rf"^ch: needs the package {package}: pip install 'line-inspector\[{extra}\]'$"):
        driver(driver.Settings.model_validate(settings), channel="ch").open()
