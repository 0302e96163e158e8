"""Which approved Zalo template tells which kind of notice, and with which facts.

Zalo approves the wording beforehand; we fill in parameters. Approval takes days, so template numbers
are a setting, and every parameter is checked here against Zalo's size for its type before sending.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from services.intake.application.notice_port import Notice, NoticeKind


class TemplateUnfit(Exception):
    """The notice lacks a fact its template needs, or a fact is too long for it."""


@dataclass(frozen=True)
class Parameter:
    """A template parameter, the fact that fills it and Zalo's limit in NFC characters."""

    name: str
    fact: str
    limit: int


_CODE = Parameter("ma_yeu_cau", "code", 30)
_DAY = Parameter("ngay", "day", 20)
_WINDOW = Parameter("khung_gio", "window", 30)
_WORKER = Parameter("nhan_vien", "worker", 30)
_REASON = Parameter("ly_do", "reason", 200)
_PAPERS = Parameter("so_giay_to", "papers", 30)
_AMOUNT = Parameter("so_tien", "amount", 30)
_DOSSIER = Parameter("ma_ho_so", "dossier_code", 30)
_DUE = Parameter("ngay_hen_tra", "due_date", 20)


@dataclass(frozen=True)
class Template:
    """One approved template."""

    template_id: str
    parameters: tuple[Parameter, ...]

    def fill(self, notice: Notice) -> dict[str, str]:
        """`template_data` for Zalo. Raises `TemplateUnfit`."""
        data: dict[str, str] = {}
        for parameter in self.parameters:
            value = unicodedata.normalize("NFC", notice.facts.get(parameter.fact, "")).strip()
            if not value:
                raise TemplateUnfit(f"notice {notice.kind} lacks the fact {parameter.fact}")
            if len(value) > parameter.limit:
                raise TemplateUnfit(f"the fact {parameter.fact} is over {parameter.limit} characters")
            data[parameter.name] = value
        return data


DEFAULT_TEMPLATES: Mapping[NoticeKind, Template] = {
    NoticeKind.REQUEST_CONFIRMED: Template("410001", (_CODE, _DAY, _WINDOW)),
    NoticeKind.WORKER_COMING: Template("410002", (_CODE, _WORKER, _DAY, _WINDOW)),
    NoticeKind.VISIT_RESCHEDULED: Template("410003", (_CODE, _DAY, _WINDOW)),
    NoticeKind.VISIT_FAILED: Template("410004", (_CODE, _REASON)),
    NoticeKind.REQUEST_CANCELLED: Template("410005", (_CODE,)),
    NoticeKind.DOSSIER_COLLECTED: Template("410006", (_CODE, _PAPERS, _AMOUNT)),
    NoticeKind.DOSSIER_ACCEPTED: Template("410007", (_CODE, _DOSSIER, _DUE)),
    NoticeKind.SUPPLEMENT_NEEDED: Template("410008", (_CODE, _REASON)),
    NoticeKind.RESULT_READY: Template("410009", (_CODE,)),
    NoticeKind.RESULT_DELIVERED: Template("410010", (_CODE,)),
    NoticeKind.DUE_DATE_MOVED: Template("410011", (_CODE, _DUE)),
}
"""The numbers of the fake server; a real account gives its own by `with_template_ids`."""


def with_template_ids(ids: Mapping[NoticeKind, str]) -> dict[NoticeKind, Template]:
    """The same templates under the numbers a real account was given; kinds left out cannot be sent so."""
    return {
        kind: Template(ids[kind], template.parameters)
        for kind, template in DEFAULT_TEMPLATES.items()
        if kind in ids
    }
