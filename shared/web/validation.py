"""Pydantic's findings in Vietnamese, one sentence for each field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_SOURCES = {"body", "query", "path", "header", "cookie"}

_SENTENCES = {
    "missing": "Chưa nhập {label}.",
    "string_too_short": "{Label} cần ít nhất {min_length} ký tự.",
    "string_too_long": "{Label} dài quá {max_length} ký tự.",
    "string_pattern_mismatch": "{Label} chưa đúng dạng.",
    "string_type": "{Label} phải là chữ.",
    "int_parsing": "{Label} phải là số nguyên.",
    "int_type": "{Label} phải là số nguyên.",
    "int_from_float": "{Label} phải là số nguyên.",
    "float_parsing": "{Label} phải là số.",
    "float_type": "{Label} phải là số.",
    "greater_than": "{Label} phải lớn hơn {gt}.",
    "greater_than_equal": "{Label} không được nhỏ hơn {ge}.",
    "less_than": "{Label} phải nhỏ hơn {lt}.",
    "less_than_equal": "{Label} không được lớn hơn {le}.",
    "bool_parsing": "{Label} phải là có hoặc không.",
    "bool_type": "{Label} phải là có hoặc không.",
    "enum": "{Label} không nằm trong các lựa chọn.",
    "literal_error": "{Label} không nằm trong các lựa chọn.",
    "too_short": "{Label} cần ít nhất {min_length} mục.",
    "too_long": "{Label} có nhiều hơn {max_length} mục.",
    "extra_forbidden": "Không có mục {label}.",
    "json_invalid": "Nội dung gửi lên không phải JSON hợp lệ.",
}

_BY_PREFIX = {
    "date": "{Label} phải là ngày, như 2026-11-25.",
    "time": "{Label} phải là giờ, như 08:30.",
    "timezone": "{Label} cần có múi giờ.",
    "model": "{Label} chưa đúng dạng.",
    "list": "{Label} phải là danh sách.",
}


def field_errors(findings: Sequence[Any], labels: Mapping[str, str]) -> dict[str, str]:
    """The first sentence for each field of pydantic's `errors()`, keyed by the dotted path of the field.

    `labels` name fields in Vietnamese ("họ và tên"), by full path or by last part; a field without a label
    keeps its own name, and what concerns the whole goes under `body` (also a JSON syntax error, whose
    location is a position in the text). The message of a ValueError raised in a validator is taken as it
    is, because our validators speak Vietnamese. What was typed is never repeated.
    """
    sentences: dict[str, str] = {}
    for finding in findings:
        path = "body" if finding["type"] == "json_invalid" else _path(finding["loc"])
        sentences.setdefault(path, _sentence(finding, _label(path, labels)))
    return sentences


def _path(location: Sequence[str | int]) -> str:
    parts = list(location)
    if parts and parts[0] in _SOURCES:
        parts = parts[1:]
    names = [str(part) for part in parts]
    return ".".join(names) if names else "body"


def _label(path: str, labels: Mapping[str, str]) -> str:
    own_name = "nội dung gửi lên" if path == "body" else path
    return labels.get(path) or labels.get(path.rpartition(".")[2]) or own_name


def _sentence(finding: Mapping[str, Any], label: str) -> str:
    kind, context = str(finding["type"]), dict(finding.get("ctx") or {})
    if kind == "value_error":
        return str(context.get("error", "")) or f"{_capital(label)} chưa hợp lệ."
    pattern = _SENTENCES.get(kind) or _BY_PREFIX.get(kind.partition("_")[0]) or "{Label} chưa hợp lệ."
    if kind == "string_too_short" and context.get("min_length") == 1:
        pattern = _SENTENCES["missing"]
    return pattern.format(**{**context, "label": label, "Label": _capital(label)})


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
