"""The templates "approved" for the fake account: wording, parameters and their sizes."""

from __future__ import annotations

import re
from dataclasses import dataclass

_SIZES = {
    "ma_yeu_cau": 30,
    "ma_ho_so": 30,
    "ngay": 20,
    "ngay_hen_tra": 20,
    "khung_gio": 30,
    "nhan_vien": 30,
    "ly_do": 200,
    "so_giay_to": 30,
    "so_tien": 30,
}


@dataclass(frozen=True)
class ApprovedTemplate:
    """A template with `<parameter>` places in its text."""

    id: str
    name: str
    text: str

    @property
    def parameters(self) -> dict[str, int]:
        """Parameter names with the most characters each may have."""
        return {name: _SIZES[name] for name in re.findall(r"<(\w+)>", self.text)}

    def render(self, data: dict[str, str]) -> str:
        """The message as the citizen reads it."""
        return re.sub(r"<(\w+)>", lambda place: data[place[1]], self.text)


_ALL = (
    ApprovedTemplate(
        "410001",
        "Yêu cầu đã xác nhận",
        "Yêu cầu <ma_yeu_cau> đã được xác nhận. Nhân viên bưu điện đến ngày <ngay>, khung giờ <khung_gio>.",
    ),
    ApprovedTemplate(
        "410002",
        "Nhân viên sắp đến",
        "Nhân viên bưu điện <nhan_vien> sẽ đến theo yêu cầu <ma_yeu_cau> ngày <ngay>, khung giờ <khung_gio>.",
    ),
    ApprovedTemplate(
        "410003",
        "Đổi lịch hẹn",
        "Lịch hẹn của yêu cầu <ma_yeu_cau> đổi sang ngày <ngay>, khung giờ <khung_gio>."
        " Xin lỗi vì sự thay đổi này.",
    ),
    ApprovedTemplate(
        "410004",
        "Chưa gặp được",
        "Nhân viên bưu điện chưa gặp được Ông/Bà theo yêu cầu <ma_yeu_cau>. Lý do ghi nhận: <ly_do>.",
    ),
    ApprovedTemplate("410005", "Yêu cầu đã hủy", "Yêu cầu <ma_yeu_cau> đã được hủy."),
    ApprovedTemplate(
        "410006",
        "Đã thu gom hồ sơ",
        "Đã thu gom hồ sơ của yêu cầu <ma_yeu_cau>. Số giấy tờ: <so_giay_to>. Số tiền đã thu: <so_tien>.",
    ),
    ApprovedTemplate(
        "410007",
        "Đã tiếp nhận hồ sơ",
        "Hồ sơ của yêu cầu <ma_yeu_cau> đã được tiếp nhận, mã hồ sơ <ma_ho_so>,"
        " hẹn trả kết quả ngày <ngay_hen_tra>.",
    ),
    ApprovedTemplate("410008", "Cần bổ sung hồ sơ", "Hồ sơ của yêu cầu <ma_yeu_cau> cần bổ sung: <ly_do>."),
    ApprovedTemplate(
        "410009",
        "Đã có kết quả",
        "Kết quả của yêu cầu <ma_yeu_cau> đã có. Mời Ông/Bà chọn giờ nhận kết quả tại nhà.",
    ),
    ApprovedTemplate(
        "410010", "Đã giao kết quả", "Kết quả của yêu cầu <ma_yeu_cau> đã được giao đến Ông/Bà."
    ),
    ApprovedTemplate(
        "410011",
        "Xin lỗi và hẹn lại ngày trả",
        "Rất tiếc hồ sơ của yêu cầu <ma_yeu_cau> chưa kịp giải quyết. Ngày hẹn trả mới: <ngay_hen_tra>.",
    ),
)

APPROVED = {template.id: template for template in _ALL}
"""By template number."""
