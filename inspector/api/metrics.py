"""`/metrics` for Prometheus: how the service is used, and how the stations are at the moment they are asked."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from inspector.api.entry import MayMeasure, TheService
from inspector.api.reading import station_health
from inspector.api.refusals import refusals
from inspector.api.service import Service
from inspector.store import Client

router = APIRouter(responses=refusals())


@router.get(
    "/metrics",
    response_model=None,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    tags=["metrics"],
    summary="Figures for Prometheus",
)
def metrics(service: TheService, client: MayMeasure) -> PlainTextResponse:
    """Return figures of service and stations in Prometheus' text format."""
    stations = CollectorRegistry()
    stations.register(_Stations(service, client))
    return PlainTextResponse(generate_latest(service.registry) + generate_latest(stations), media_type=CONTENT_TYPE_LATEST)


class _Stations(Collector):
    """The stations that a client may know of, as they are now."""

    def __init__(self, service: Service, client: Client) -> None:
        self._service, self._client = service, client

    def collect(self) -> Iterator[Metric]:
        quiet = GaugeMetricFamily("inspector_station_quiet_seconds", "Since a station's last sign of life", labels=["station"])
        parts = GaugeMetricFamily("inspector_station_parts_last_hour", "Parts of the last hour", labels=["station", "outcome"])
        well = GaugeMetricFamily("inspector_channel_ok", "1 where a channel delivers", labels=["station", "channel"])
        drops = GaugeMetricFamily("inspector_channel_drops", "What a channel lost since the station began", labels=["station", "channel"])
        for name in filter(self._client.may_at, self._service.store.stations()):
            told = station_health(self._service, name)
            if told.quiet_s is not None:
                quiet.add_metric([name], told.quiet_s)
            for outcome, count in told.last_hour.items():
                parts.add_metric([name, outcome], count)
            for channel, state in told.health.items():
                if isinstance(state, dict) and "state" in state:
                    well.add_metric([name, channel], float(state["state"] == "ok"))
                    drops.add_metric([name, channel], float(state.get("drops") or 0))
        yield from (quiet, parts, well, drops)
