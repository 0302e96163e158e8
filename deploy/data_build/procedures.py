"""The thirty procedures loaded first, and postal fares. Demonstration data: a clerk confirms each row.

Fees of the provincial assembly, limits and codes change; real use needs every row checked against
the published decision (see the README beside the data).
"""

from __future__ import annotations

from deploy.data_build.files import Row
from deploy.data_build.procedures_business import BUSINESS_AND_LAND
from deploy.data_build.procedures_civil import CIVIL_STATUS
from deploy.data_build.procedures_people import PEOPLE

_HONOURED = ["revolutionary_before_1945", "heroic_mother"]


def build() -> list[Row]:
    """Thirty rows in the order of the catalogue."""
    return [*CIVIL_STATUS, *BUSINESS_AND_LAND, *PEOPLE]


def fares() -> list[Row]:
    """Fares of the public postal service in đồng, one way, up to 100 g, inside the province."""
    source = "Biểu cước tham khảo của bưu chính, cần đối chiếu trước khi dùng thật"
    amounts = {"pickup": 26_000, "return": 26_000, "fee_transfer": 8_000}
    return [
        {
            "kind": kind,
            "amount": amount,
            "exempt_groups": _HONOURED,
            "valid_from": "2025-07-01",
            "valid_to": None,
            "source": source,
        }
        for kind, amount in amounts.items()
    ]
