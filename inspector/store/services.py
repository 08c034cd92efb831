"""Which model serves a station, who put it there, and what it replaced; and the parts that it must judge right before."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from inspector.errors import StoreError
from inspector.store.audit import Signed
from inspector.store.identity import timed_id
from inspector.store.models import GoldenPartRow, InspectionRow, ServiceRow
from inspector.store.results import Service

_COLUMNS = [getattr(ServiceRow, name) for name in Service.__dataclass_fields__]


class Services(Signed):
    """The models in service and the golden parts of an installation; every change is signed. Raises StoreError."""

    def at(self, station: str) -> Service | None:
        """Return what serves a station; None where nothing was ever put into service there, or all of it was withdrawn."""
        with self._reading() as connection:
            return _serving(connection, station)

    def history(self, station: str) -> list[Service]:
        """Return all that was put into service at a station, the newest first."""
        chosen = select(*_COLUMNS).where(ServiceRow.station == station).order_by(ServiceRow.service_id.desc())
        with self._reading() as connection:
            return [Service(*row) for row in connection.execute(chosen)]

    def activate(self, station: str, model: Mapping[str, str], replaces: str | None, proof: Mapping[str, Any]) -> Service:
        """Put a model (`folder`, `name`, `version`, `sha256`) into service; `proof` is what it was found fit by, for the audit log."""
        told = (model["folder"], model["name"], model["version"], model["sha256"])
        service = Service(timed_id(), station, *told, replaces, self._signer, time.time_ns())
        with self._writing() as connection:
            connection.execute(insert(ServiceRow).values({name: getattr(service, name) for name in Service.__dataclass_fields__}))
            self._sign(connection, "model activated", station, {**model, "replaces": replaces, **proof})
        return service

    def roll_back(self, station: str) -> tuple[Service, Service | None]:
        """Withdraw what serves a station; return it, and what serves from now on. Raises StoreError where nothing can be withdrawn."""
        with self._writing() as connection:
            serving = _serving(connection, station)
            if serving is None:
                raise StoreError(f"no model was put into service at station '{station}': there is nothing to roll back")
            row = update(ServiceRow).where(ServiceRow.service_id == serving.service_id)
            connection.execute(row.values(withdrawn_utc_ns=time.time_ns()))
            before = _serving(connection, station)
            told = {"withdrawn": serving.folder, "sha256": serving.sha256, "folder": before.folder if before else serving.replaces}
            self._sign(connection, "model rolled back", station, told)
        return serving, before

    # --- golden parts ------------------------------------------------------------------------------------------------------------

    def golden(self, station: str) -> list[str]:
        """Return the inspections whose parts are golden at a station, oldest first."""
        chosen = select(GoldenPartRow.inspection_id).join(InspectionRow, InspectionRow.inspection_id == GoldenPartRow.inspection_id)
        with self._reading() as connection:
            return [
                str(one)
                for one in connection.execute(
                    chosen.where(InspectionRow.station == station).order_by(GoldenPartRow.inspection_id)
                ).scalars()
            ]

    def set_golden(self, inspection_id: str, golden: bool) -> None:
        """Say whether every model must judge a part right before it may serve. Raises StoreError for an unknown inspection."""
        with self._writing() as connection:
            if connection.execute(select(InspectionRow.station).where(InspectionRow.inspection_id == inspection_id)).scalar() is None:
                raise StoreError(f"there is no inspection '{inspection_id}'")
            connection.execute(delete(GoldenPartRow).where(GoldenPartRow.inspection_id == inspection_id))
            if golden:
                row = {"inspection_id": inspection_id, "who": self._signer, "wall_utc_ns": time.time_ns()}
                connection.execute(insert(GoldenPartRow).values(row))
            self._sign(connection, "golden part" if golden else "golden no more", inspection_id, {})


def _serving(connection: Connection, station: str) -> Service | None:
    chosen = select(*_COLUMNS).where(ServiceRow.station == station, ServiceRow.withdrawn_utc_ns.is_(None))
    row = connection.execute(chosen.order_by(ServiceRow.service_id.desc()).limit(1)).one_or_none()
    return None if row is None else Service(*row)
