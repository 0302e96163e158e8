"""Our Official Account: who we are towards Zalo, and at which addresses Zalo listens."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ZaloAccount:
    """Ids, secrets and base addresses of one Official Account (OA) and its app.

    `app_secret` signs outgoing calls, `oa_secret` is the one shown next to the webhook in Zalo's
    console; some accounts have one value for both. The addresses are settings because Zalo has no
    sandbox: development talks to the fake server of this project.
    """

    app_id: str
    oa_id: str
    app_secret: str = field(repr=False)
    oa_secret: str = field(repr=False)
    oauth_url: str = "https://oauth.zaloapp.com"
    openapi_url: str = "https://openapi.zalo.me"
    business_url: str = "https://business.openapi.zalo.me"
    use_proof: bool = True

    def proof(self, access_token: str) -> str:
        """`appsecret_proof`: hex HMAC-SHA256 of the access token under the app secret."""
        return hmac.new(self.app_secret.encode(), access_token.encode(), hashlib.sha256).hexdigest()
