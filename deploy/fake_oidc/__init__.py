"""A small OpenID Connect provider: for demonstrations, and for tests that need one which lies on order.

It speaks the real protocol (discovery, authorization code with PKCE, JWKS, RP-initiated logout) and shares no
code with the relying party in `services.intake.adapters.oidc`. It knows no passwords: whoever opens the page
picks a person. Never for production.

To try it by hand: `python -m deploy.fake_oidc`, and `make run` with

    TANNHA_INTAKE_OIDC_ISSUER=http://127.0.0.1:8110
    TANNHA_INTAKE_OIDC_CLIENT_ID=tannha
    TANNHA_INTAKE_OIDC_CLIENT_SECRET_FILE=<a file with the line demo-oidc-secret>
    TANNHA_INTAKE_OIDC_LINK_BY=account

Orders for tests lie under `/_test/`: `POST faults` (see `faults.FaultKind`), `DELETE faults`, `POST rotate`,
`POST expire-codes`.
"""
