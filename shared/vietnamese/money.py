"""Amounts of money: integer đồng, written the Vietnamese way."""

from __future__ import annotations


def format_vnd(amount: int) -> str:
    """`amount` đồng with dots between the thousands: 8000 -> "8.000 đ", -500 -> "-500 đ"."""
    return f"{amount:,}".replace(",", ".") + " đ"
