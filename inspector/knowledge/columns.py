"""Which column of a plant's table is which field of a case: as the user maps it, else as the column's name says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from inspector.errors import DataError, UsageError

TEXT_FIELDS = ("case_id", "symptom", "action", "fix_id", "defect", "cause", "station", "product", "who")
NUMBER_FIELDS = ("minutes", "cost")
FIELDS = (*TEXT_FIELDS[:8], "outcome", *NUMBER_FIELDS, "who", "when")
PARAMETER = re.compile(r"parameter:(?P<name>[^:]+):(?P<unit>[^:]*)")

# What maintenance systems call these fields in their exports (SAP PM, Maximo, common CMMS), the likelier name first; without case,
# spaces and punctuation.
_USUAL_NAMES = {
    "case_id": "workorder, workordernumber, workorderno, wonum, orderno, ordernumber, order, notification, ticket, id, "
    "工单号, 工单编号, 单号",
    "symptom": "symptom, symptoms, problem, problemdescription, issue, fault, faultdescription, failuredescription, complaint, "
    "malfunction, shorttext, description, workorderdescription, 故障现象, 故障描述, 问题描述, 现象, 问题, 故障",
    "action": "action, actiontaken, correctiveaction, actions, solution, remedy, repair, workdone, workperformed, whatwasdone, "
    "resolution, activity, activitytext, maintenanceaction, 处理措施, 维修措施, 解决措施, 措施, 处理方法, 解决方法, 维修内容, 处理",
    "defect": "defect, defecttype, defectkind, failuremode, failurecode, problemcode, 缺陷, 缺陷类型, 失效模式",
    "cause": "cause, rootcause, causecode, reason, causetext, 原因, 故障原因, 根本原因",
    "station": "station, machine, machineid, equipment, equipmentid, asset, assetnum, assetid, functionallocation, location, workstation, "
    "工位, 设备, 设备编号, 机台",
    "product": "product, productid, partnumber, partno, material, article, 产品, 产品型号, 物料",
    "outcome": "outcome, result, helped, effective, solved, success, worked, 结果, 效果, 是否解决, 是否有效",
    "minutes": "minutes, durationmin, durationminutes, downtimemin, downtimeminutes, repairminutes, 分钟, 耗时分钟, 用时分钟",
    "cost": "cost, costs, totalcost, actualcost, actualcosts, 费用, 成本",
    "who": "who, technician, reportedby, doneby, craftsperson, worker, operator, 人员, 维修人员, 操作员",
    "when": "when, date, reportdate, reporteddate, completiondate, finisheddate, actfinish, createdon, timestamp, "
    "日期, 时间, 完成日期, 报修时间",
}
_FIELD_OF_NAME = {name.strip(): (rank, field) for field, names in _USUAL_NAMES.items() for rank, name in enumerate(names.split(","))}


def parse_mapping(pairs: Sequence[str]) -> dict[str, str]:
    """Return COLUMN -> FIELD of `--map` arguments for cases. Raises UsageError."""
    mapping = split_pairs(pairs, "problem=symptom")
    for name in mapping.values():
        _checked_field(name)
    return mapping


def split_pairs(pairs: Sequence[str], example: str) -> dict[str, str]:
    """Return COLUMN -> FIELD of `--map` arguments, whatever fields there are. Raises UsageError."""
    mapping: dict[str, str] = {}
    for pair in pairs:
        column, equals, name = pair.rpartition("=")
        if not equals or not column or not name:
            raise UsageError(f"--map '{pair}': write COLUMN=FIELD, e.g. {example}")
        if column in mapping:
            raise UsageError(f"--map '{pair}': column '{column}' is mapped twice")
        mapping[column] = name
    return mapping


def fields_of(header: Sequence[str], mapping: Mapping[str, str], path: Path) -> tuple[list[str | None], dict[str, str]]:
    """Return the field of each column, None for one that is not read, and which were guessed: column -> field. Raises DataError."""
    names = [name.strip() for name in header]
    if missing := [column for column in mapping if column not in names]:
        raise DataError(f"has no column '{missing[0]}'; its columns are {', '.join(names)}", path=path, row=1)
    said = [mapping.get(name) or (name if name in FIELDS or PARAMETER.fullmatch(name) else None) for name in names]
    taken = [field for field in said if field is not None]
    if twice := next((field for field in taken if taken.count(field) > 1), None):
        raise DataError(f"more than one column is read as '{twice}'; map only one of them", path=path, row=1)
    guessed = guess([name for name, field in zip(names, said, strict=True) if field is None], taken)
    fields = [field or guessed.get(name) for name, field in zip(names, said, strict=True)]
    if not {"action", "fix_id"} & set(fields):
        raise DataError(f"no column is read as 'action'; name it with --map COLUMN=action (columns: {', '.join(names)})", path=path, row=1)
    if not {"symptom", "defect", "cause"} & set(fields):
        raise DataError(
            f"no column is read as 'symptom'; name it with --map COLUMN=symptom (columns: {', '.join(names)})", path=path, row=1
        )
    return fields, guessed


def guess(names: Sequence[str], taken: Sequence[str]) -> dict[str, str]:
    """Return column -> field for the columns whose names leave little doubt; of several for one field, the likeliest."""
    found: dict[str, tuple[int, str]] = {}
    for name in names:
        known = _FIELD_OF_NAME.get(re.sub(r"[\W_]+", "", name.casefold()))
        if known is None or known[1] in taken or names.count(name) > 1:
            continue
        rank, field = known
        if field not in found or rank < found[field][0]:
            found[field] = rank, name
    return {name: field for field, (_, name) in found.items()}


def _checked_field(name: str) -> str:
    if name in FIELDS or PARAMETER.fullmatch(name):
        return name
    raise UsageError(f"--map: there is no field '{name}'; fields are {', '.join(FIELDS)} and parameter:NAME:UNIT")
