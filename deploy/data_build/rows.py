"""Short words for writing catalogue rows; what is left out has the commonest value."""

from __future__ import annotations

from typing import Any

from deploy.data_build.files import Row

NO_FEE: Row = {"kind": "none"}
SAME_DAY: Row = {"unit": "sd", "value": 0}

POOR_AND_HONOURED = ["merit", "poor_household", "elderly", "disabled", "ethnic_minority", "child"]
"""Groups that local fee resolutions usually exempt from civil-status charges; each needs evidence."""


def fixed(amount: int) -> Row:
    """One amount for a case."""
    return {"kind": "fixed", "amount": amount}


def working_days(count: int) -> Row:
    """A limit in working days."""
    return {"unit": "wd", "value": count}


def form(name: str) -> Row:
    """A declaration that is filled in with the citizen and stays in the dossier."""
    return {"name": name, "kind": "form", "keep": "kept"}


def shown(name: str) -> Row:
    """An original that is only shown and compared."""
    return {"name": name, "kind": "original", "keep": "no"}


def kept(name: str) -> Row:
    """An original that stays in the dossier."""
    return {"name": name, "kind": "original", "keep": "kept"}


def given_up(name: str, when: str) -> Row:
    """An old paper that is taken back: `when` is "pickup" or "return"."""
    return {"name": name, "kind": "original", "keep": f"withdraw_at_{when}"}


def copy(name: str) -> Row:
    """A plain copy."""
    return {"name": name, "kind": "copy", "keep": "kept"}


def procedure(
    code: str,
    title: str,
    *aliases: str,
    sector: str,
    documents: list[Row],
    limit: Row,
    minutes: int,
    home_class: str = "A",
    fee: Row = NO_FEE,
    **more: Any,
) -> Row:
    """One row; `more` overrides any of the defaults below."""
    defaults: Row = {
        "version": 1,
        "valid_from": "2025-07-01",
        "valid_to": None,
        "national_code": True,
        "neutral_title": f"Thủ tục {sector}",
        "level": "commune",
        "exempt_groups": [],
        "presence": {"at_pickup": "anyone", "at_return": "anyone"},
        "skill": "none",
        "sensitivity": 0,
    }
    return {
        "code": code,
        "title_vi": title,
        "aliases": list(aliases),
        "sector": sector,
        "home_class": home_class,
        "documents": documents,
        "fee": fee,
        "limit": limit,
        "service_minutes": minutes,
        **defaults,
        **more,
    }
