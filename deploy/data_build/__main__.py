"""`python -m deploy.data_build`: writes every reference file again; the same input gives the same bytes."""

from __future__ import annotations

from deploy.data_build import calendar_days, offices, procedures, units, workers
from deploy.data_build.files import INTAKE, ROUTING, write_rows


def main() -> None:
    """Build units, procedures, fares, calendar, post offices and workers; print what was written."""
    new, old, districts = units.build()
    offices_rows = offices.build(new, old)
    write_rows(
        INTAKE / "units.json",
        {"new_units": new, "old_units": old, "districts": districts, "elsewhere": units.elsewhere()},
    )
    write_rows(INTAKE / "procedures.json", {"procedures": procedures.build()})
    write_rows(INTAKE / "fares.json", {"fares": procedures.fares()})
    write_rows(INTAKE / "calendar.json", {"days": calendar_days.build()})
    write_rows(ROUTING / "offices.json", {"offices": offices_rows})
    write_rows(ROUTING / "workers.json", {"workers": workers.build(offices_rows)})


if __name__ == "__main__":
    main()
