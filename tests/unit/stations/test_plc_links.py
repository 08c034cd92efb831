"""Both protocols carry the whole process image, to real clients of the packages that PLC programs are tested with."""

import asyncio
import socket
from dataclasses import fields, replace
from typing import ClassVar

import pytest
from pydantic import ValidationError

from inspector.errors import DriverError
from inspector.plc import PartOutcome, PlcInputs, PlcOutputs, RecipeStatus
from inspector.plugins import load_driver
from stations.plc.image import INPUTS, OUTPUTS
from stations.plc.vision_states import Wishes, states_of

pymodbus_client = pytest.importorskip("pymodbus.client")
asyncua = pytest.importorskip("asyncua")
MACHINE_VISION = "http://opcfoundation.org/UA/MachineVision"
PLAIN = "urn:line-inspector:plc"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def full(kind):
    """An image in which every value is another one, and none is its default."""
    values = {}
    for number, field in enumerate(fields(kind), 1):
        default = field.default
        values[field.name] = not default if isinstance(default, bool) else number if isinstance(default, int) else "0123456789abcdef"
    return kind(**values)


@pytest.mark.parametrize(("block", "kind"), [(INPUTS, PlcInputs), (OUTPUTS, PlcOutputs)])
def test_registers_hold_the_whole_image(block, kind):
    image = replace(full(kind), **({"encoder": 2**32 - 1} if kind is PlcInputs else {"result_id": 2**31 + 5, "result_kind": "scratch"}))
    assert kind(**block.values(block.packed(image))) == image
    taken = sorted((p.register + k, p.bit if p.kind == "bit" else None) for p in block.places for k in range(p.registers))
    assert len(set(taken)) == len(taken)


def test_text_that_is_no_ascii_or_too_long_spoils_nothing():
    image = PlcOutputs(result_kind="划痕 a very long kind of defect", reject_overlaps=7)
    values = OUTPUTS.values(OUTPUTS.packed(image))
    assert values["result_kind"] == "?? a very long k"
    assert values["reject_overlaps"] == 7


# --- Modbus


@pytest.fixture
def modbus():
    driver = load_driver("modbus-plc")
    port = free_port()
    link = driver(driver.Settings(port=port), channel="bench")
    link.open()
    client = pymodbus_client.ModbusTcpClient("127.0.0.1", port=port, timeout=5)
    assert client.connect()
    yield link, client
    client.close()
    link.close()


def test_modbus_shows_the_start_until_the_station_speaks(modbus):
    _, client = modbus
    answer = client.read_holding_registers(OUTPUTS.first, count=OUTPUTS.registers, device_id=1)
    assert OUTPUTS.values(answer.registers) == OUTPUTS.values(OUTPUTS.packed(PlcOutputs()))


def test_modbus_carries_both_images_in_one_request_each(modbus):
    link, client = modbus
    outputs, inputs = full(PlcOutputs), full(PlcInputs)
    assert link.exchange(outputs) == PlcInputs()
    for read in (client.read_holding_registers, client.read_input_registers):
        assert PlcOutputs(**OUTPUTS.values(read(OUTPUTS.first, count=OUTPUTS.registers, device_id=1).registers)) == outputs
    calls = []
    link.changed = lambda: calls.append(1)
    assert not client.write_registers(INPUTS.first, INPUTS.packed(inputs), device_id=1).isError()
    client.read_holding_registers(INPUTS.first, count=1, device_id=1)
    assert link.exchange(outputs) == inputs
    assert calls


def test_modbus_reaches_single_bits_as_coils(modbus):
    link, client = modbus
    link.exchange(PlcOutputs(ready=True))
    assert client.read_coils(101 * 16 + 1, count=1, device_id=1).bits[0]
    client.write_coil(1 * 16 + 4, True, device_id=1)
    client.read_holding_registers(INPUTS.first, count=1, device_id=1)
    assert link.exchange(PlcOutputs()) == PlcInputs(golden=True)


def test_modbus_lets_nobody_write_the_stations_registers(modbus):
    link, client = modbus
    assert client.write_register(112, PartOutcome.PASS, device_id=1).isError()
    assert client.read_holding_registers(50, count=1, device_id=1).isError()
    assert link.exchange(PlcOutputs()) == PlcInputs()


@pytest.mark.parametrize("name", ["modbus-plc", "opcua-plc"])
def test_a_port_in_use_is_told(name):
    driver = load_driver(name)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        link = driver(driver.Settings(port=taken.getsockname()[1]), channel="bench")
        with pytest.raises(DriverError, match="cannot listen on"):
            link.open()
    with pytest.raises(DriverError, match="is not open"):
        link.exchange(PlcOutputs())


def test_modbus_opens_again_after_close():
    driver = load_driver("modbus-plc")
    link = driver(driver.Settings(port=free_port()), channel="bench")
    for _ in range(2):
        link.open()
        link.exchange(PlcOutputs())
        link.close()
        link.close()


# --- OPC UA


def test_the_state_machine_of_the_standard_follows_the_station():
    ready = PlcOutputs(online=True, ready=True)
    assert states_of(ready, "continuous") == ("Operational", "ContinuousExecution")
    assert states_of(ready, "ready") == ("Operational", "Ready")
    assert states_of(PlcOutputs(), "continuous") == ("Preoperational", None)
    assert states_of(replace(ready, fault=True), "continuous") == ("Error", None)
    assert states_of(replace(ready, fault=True), "halted") == ("Halted", None)


def test_wishes_of_a_client_are_added_to_what_the_plc_says():
    assert Wishes().added_to(PlcInputs(part_id=3)) == PlcInputs(part_id=3)
    assert Wishes("halted", reset=True, recipe=4).added_to(PlcInputs()) == PlcInputs(
        offline=True, fault_reset=True, recipe_change=True, recipe=4
    )


@pytest.fixture(scope="module")
def opcua():
    """One server for all tests: to read the nodeset takes seconds."""
    driver = load_driver("opcua-plc")
    link = driver(driver.Settings(port=free_port()), channel="bench")
    link.open()
    yield link
    link.close()


def with_client(link, job, **login):
    async def run():
        client = asyncua.Client(f"opc.tcp://127.0.0.1:{link.settings.port}/inspector", timeout=10)
        if login:
            client.set_user(login["user"])
            client.set_password(login["password"])
            if "security" in login:
                await client.set_security_string(login["security"])
        async with client:
            await client.load_data_type_definitions()
            return await job(client)

    return asyncio.run(run())


def test_opcua_carries_both_images(opcua):
    outputs, inputs = full(PlcOutputs), full(PlcInputs)
    opcua.exchange(outputs)

    async def exchange(client):
        from stations.plc.opcua_nodes import variant

        index = await client.get_namespace_index(PLAIN)
        shown = {f.name: await client.get_node(f"ns={index};s=outputs.{f.name}").read_value() for f in fields(PlcOutputs)}
        nodes = [client.get_node(f"ns={index};s=inputs.{f.name}") for f in fields(PlcInputs)]
        values = [asyncua.ua.DataValue(variant(f.name, getattr(inputs, f.name), inputs=True)) for f in fields(PlcInputs)]
        await client.write_values(nodes, values)
        with pytest.raises(asyncua.ua.UaStatusCodeError):
            await client.get_node(f"ns={index};s=outputs.ready").write_value(True)
        said = await asyncio.to_thread(opcua.exchange, outputs)
        await client.write_values(nodes, [asyncua.ua.DataValue(variant(f.name, f.default, inputs=True)) for f in fields(PlcInputs)])
        return PlcOutputs(**shown), said

    assert with_client(opcua, exchange) == (outputs, inputs)
    assert opcua.exchange(outputs) == PlcInputs()


class Vision:
    """What a client of the standard browses to."""

    def __init__(self, client):
        self.client = client

    async def find(self):
        self.standard = await self.client.get_namespace_index(MACHINE_VISION)
        plain = await self.client.get_namespace_index(PLAIN)
        self.system = await self.client.nodes.objects.get_child([f"{plain}:VisionSystem"])
        self.top = await self.node("VisionStateMachine")
        self.automatic = await self.node("VisionStateMachine", "AutomaticModeStateMachine")
        return self

    async def node(self, *names):
        return await self.system.get_child([f"{self.standard}:{name}" for name in names])

    async def state(self, machine):
        text = (await (await machine.get_child("0:CurrentState")).read_value()).Text
        state = await (await machine.get_child(["0:CurrentState", "0:Id"])).read_value()
        name = (await self.client.get_node(state).read_browse_name()).Name if text else text
        assert name == text
        return text

    async def call(self, machine, name, *arguments):
        answer = await machine.call_method(f"{self.standard}:{name}", *arguments)
        return answer[-1] if isinstance(answer, list) else answer


async def until(condition):
    for _ in range(500):
        if await condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come to it within 10 s")


def test_opcua_shows_state_and_results_where_the_standard_has_them(opcua):
    outputs = PlcOutputs(session=3, online=True, ready=True, recipe=1, model_hash="ab" * 8)

    async def follow(client):
        vision = await Vision(client).find()

        class Events:
            seen: ClassVar[list] = []

            def event_notification(self, event):
                self.seen.append(event)

        await asyncio.to_thread(opcua.exchange, outputs)
        await until(lambda: is_state(vision, vision.automatic, "ContinuousExecution"))
        assert await vision.state(vision.top) == "Operational"
        subscription = await client.create_subscription(20, Events())
        await subscription.subscribe_events(vision.system, asyncua.ua.NodeId(1024, vision.standard))
        told = replace(
            outputs,
            result_valid=True,
            result_id=77,
            result_sequence=5,
            result_outcome=PartOutcome.FAIL,
            result_kind="dent",
            result_score=9100,
        )
        await asyncio.to_thread(opcua.exchange, told)

        async def heard():
            return bool(Events.seen)

        await until(heard)
        event = Events.seen[0]
        assert (event.PartId.Id, event.ResultId.Id, event.ResultState, event.InternalRecipeId.Id) == ("77", "3.5", 1, "1")
        assert [value.Value for value in event.ResultContent] == ["FAIL", "dent", 0.91]
        results = await vision.node("ResultManagement")
        wanted = asyncua.ua.ResultIdDataType(Id="3.5")
        _, result, error = await results.call_method(
            f"{vision.standard}:GetResultById", wanted, asyncua.ua.Variant(100, asyncua.ua.VariantType.Int32)
        )
        assert (result.PartId.Id, error) == ("77", 0)
        await subscription.delete()

    with_client(opcua, follow)


async def is_state(vision, machine, name):
    return await vision.state(machine) == name


def test_opcua_methods_halt_and_start_the_station(opcua):
    outputs = PlcOutputs(online=True, ready=True)
    cause = (0, "test")

    async def drive(client):
        vision = await Vision(client).find()
        exchange = asyncio.to_thread
        assert await vision.call(vision.top, "Halt", asyncua.ua.Variant(cause[0], asyncua.ua.VariantType.Int32), cause[1]) == 0
        assert (await exchange(opcua.exchange, outputs)).offline
        assert await vision.state(vision.top) == "Halted"
        stop = (asyncua.ua.Variant(0, asyncua.ua.VariantType.Int32), "")
        assert await vision.call(vision.automatic, "Stop", *stop) < 0
        assert await vision.call(vision.top, "Reset", *stop) == 0
        assert await vision.state(vision.top) == "Preoperational"
        assert await vision.call(vision.top, "SelectModeAutomatic") == 0
        assert await vision.state(vision.automatic) == "Ready"
        ua = asyncua.ua
        job = (
            ua.MeasIdDataType(Id="m"),
            ua.PartIdDataType(Id="p"),
            ua.RecipeIdExternalDataType(Id="1"),
            ua.ProductIdDataType(Id="x"),
            ua.Variant([], ua.VariantType.Variant),
        )
        assert await vision.call(vision.automatic, "StartContinuous", *job) == 0
        assert not (await exchange(opcua.exchange, outputs)).offline
        assert await vision.state(vision.automatic) == "ContinuousExecution"

    with_client(opcua, drive)


def test_opcua_prepares_a_recipe_and_lists_results(opcua):
    outputs = PlcOutputs(session=8, online=True, ready=True, recipe=1)

    async def ask(client):
        vision = await Vision(client).find()
        ua, exchange = asyncua.ua, asyncio.to_thread
        recipes, results = await vision.node("RecipeManagement"), await vision.node("ResultManagement")
        wanted = (ua.RecipeIdExternalDataType(Id="7"), ua.RecipeIdInternalDataType(Id=""))
        asked = asyncio.create_task(recipes.call_method(f"{vision.standard}:PrepareRecipe", *wanted))

        async def is_asked():
            said = await exchange(opcua.exchange, outputs)
            return said.recipe_change and said.recipe == 7

        await until(is_asked)
        await exchange(opcua.exchange, replace(outputs, recipe=7, recipe_status=RecipeStatus.DONE))
        recipe, complete, error = await asked
        assert (recipe.Id, complete, error) == ("7", True, 0)
        assert not (await exchange(opcua.exchange, outputs)).recipe_change

        for sequence, outcome in ((1, PartOutcome.PASS), (2, PartOutcome.NOT_INSPECTED)):
            shown = replace(outputs, result_valid=True, result_id=900, result_sequence=sequence, result_outcome=outcome)
            await exchange(opcua.exchange, shown)
        filters = (
            ua.Variant(4, ua.VariantType.Int32),
            ua.MeasIdDataType(Id=""),
            ua.PartIdDataType(Id="900"),
            ua.RecipeIdExternalDataType(Id=""),
            ua.RecipeIdInternalDataType(Id=""),
            ua.ConfigurationIdDataType(Id=""),
            ua.ConfigurationIdDataType(Id=""),
            ua.ProductIdDataType(Id=""),
            ua.JobIdDataType(Id=""),
            ua.Variant(10, ua.VariantType.UInt32),
            ua.Variant(0, ua.VariantType.UInt32),
            ua.Variant(100, ua.VariantType.Int32),
        )

        async def failed():
            return await results.call_method(f"{vision.standard}:GetResultListFiltered", *filters)

        async def are_there():
            return (await failed())[1] == 1

        await until(are_there)
        complete, _, _, (result,), error = await failed()
        assert (complete, result.ResultId.Id, error) == (True, "8.2", 0)

    with_client(opcua, ask)


def test_opcua_refuses_who_has_no_password(monkeypatch, tmp_path):
    monkeypatch.setenv("PLC_PASSWORD", "open sesame")
    monkeypatch.setenv("INSPECTOR_HOME", str(tmp_path))
    driver = load_driver("opcua-plc")
    settings = driver.Settings(port=free_port(), users={"plc": "PLC_PASSWORD"}, policies=("Basic256Sha256",))
    link = driver(settings, channel="bench")
    link.open()
    try:
        folder = tmp_path / "client"
        folder.mkdir()
        asyncio.run(certificate(folder))
        security = f"Basic256Sha256,SignAndEncrypt,{folder / 'c.der'},{folder / 'c.pem'}"

        async def state(client):
            return await (await Vision(client).find()).state((await Vision(client).find()).top)

        assert with_client(link, state, user="plc", password="open sesame", security=security) == "Preoperational"
        with pytest.raises(asyncua.ua.UaError):
            with_client(link, state, user="plc", password="wrong", security=security)
        with pytest.raises(asyncua.ua.UaError):
            with_client(link, state)
    finally:
        link.close()


async def certificate(folder):
    from asyncua.crypto.cert_gen import setup_self_signed_certificate
    from cryptography.x509.oid import ExtendedKeyUsageOID

    uri, use = "urn:example.org:FreeOpcUa:opcua-asyncio", [ExtendedKeyUsageOID.CLIENT_AUTH]
    await setup_self_signed_certificate(folder / "c.pem", folder / "c.der", uri, "localhost", use, {"commonName": "test"})


def test_opcua_says_what_is_missing(monkeypatch):
    driver = load_driver("opcua-plc")
    monkeypatch.delenv("NO_SUCH_PASSWORD", raising=False)
    with pytest.raises(DriverError, match="NO_SUCH_PASSWORD"):
        driver(driver.Settings(port=free_port(), users={"plc": "NO_SUCH_PASSWORD"}), channel="bench").open()
    with pytest.raises(ValidationError):
        driver.Settings(policies=())


def test_opcua_warns_of_open_doors_in_a_network_only(monkeypatch, caplog):
    driver = load_driver("opcua-plc")
    driver(driver.Settings(), channel="bench")._warn_of_open_doors()
    assert not caplog.records
    driver(driver.Settings(host="0.0.0.0"), channel="bench")._warn_of_open_doors()
    assert "without encryption" in caplog.text
    assert "without users" in caplog.text
