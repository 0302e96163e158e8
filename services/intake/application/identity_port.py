"""The identity provider as intake needs it, and the ways in which a sign-in there can fail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from shared.errors import Forbidden, Unauthenticated, Unavailable

Reason = Literal["expired", "forged", "future", "replayed"]
"""What was wrong with a proof, as it is counted."""


@dataclass(frozen=True)
class ProvenIdentity:
    """Who somebody is according to the provider, after every check.

    `subject` is the provider's own, lasting name for the person within `issuer`. `email` is empty unless
    the provider verified it; `account` and `roles` are the claims named in the settings, empty without.
    `id_token` is kept by the browser for signing out.
    """

    issuer: str
    subject: str
    email: str = ""
    account: str = ""
    roles: tuple[str, ...] = ()
    id_token: str = ""


class IdentityProvider(Protocol):
    """Signs people in elsewhere: away by `departure`, back by `arrival`.

    Each method raises ProviderSilent when the provider does not answer as it should.
    """

    def departure(self, *, state: str, nonce: str, verifier: str, another: bool) -> str:
        """Where to send the browser. `another` asks for a person to be chosen anew."""
        ...

    def check_sender(self, issuer: str) -> None:
        """Whether an answer that says it comes from `issuer` ("" for unsaid) may be ours (RFC 9207).

        Raises ProofRefused.
        """
        ...

    def arrival(self, *, code: str, nonce: str, verifier: str) -> ProvenIdentity:
        """Who came back with `code`. Raises ProofRefused."""
        ...

    def farewell(self, id_token: str, back_to: str) -> str | None:
        """Where to send the browser to sign out there as well; None when the provider offers nothing."""
        ...


class ProofRefused(Unauthenticated):
    """What came back proves nobody's identity. `reason` is counted, `detail` is for the log."""

    code = "auth.proof"

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(
            "Lần đăng nhập này không còn dùng được hoặc không hợp lệ, nên chưa ai được đăng nhập.",
            hints=("Bấm nút dưới đây để đăng nhập lại từ đầu.",),
        )
        self.reason = reason
        self.detail = detail


class DeniedThere(Unauthenticated):
    """The provider says that it signed nobody in, or the person gave up."""

    code = "auth.denied"

    def __init__(self) -> None:
        super().__init__("Hệ thống định danh của cơ quan chưa xác nhận Ông/Bà, nên chưa đăng nhập được.")


class UnknownPerson(Forbidden):
    """The provider knows the person, but no account here is theirs. None is made."""

    code = "auth.unknown_person"

    def __init__(self, subject: str) -> None:
        super().__init__(
            "Cơ quan đã xác nhận Ông/Bà, nhưng ở đây chưa có tài khoản làm việc nào gắn với Ông/Bà.",
            hints=(
                f"Đọc mã người dùng {subject} cho quản trị viên Tận Nhà để được gắn với tài khoản làm việc.",
                "Đăng nhập bằng một người khác, nếu máy đang giữ phiên của đồng nghiệp.",
            ),
        )


class ProviderSilent(Unavailable):
    """The provider does not answer, or answers nonsense. Sessions that exist go on."""

    code = "auth.provider_silent"
    retry_after_s = 30

    def __init__(self, detail: str) -> None:
        super().__init__(
            "Hệ thống định danh của cơ quan đang không trả lời, nên chưa đăng nhập được. "
            "Ai đã đăng nhập vẫn làm việc bình thường.",
            hints=("Thử lại sau khoảng nửa phút.",),
        )
        self.detail = detail
