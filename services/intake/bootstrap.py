"""The only place that wires intake."""

from __future__ import annotations

from pathlib import Path

import httpx
from sqlalchemy import Engine

from services.intake.adapters.gazetteer import load_gazetteer
from services.intake.adapters.geocoding import GeocoderKind, make_geocoder
from services.intake.adapters.log_channel import LogChannel
from services.intake.adapters.oidc.client import OidcClient, read_secret
from services.intake.adapters.oidc.provider import OidcProvider
from services.intake.adapters.oidc.wire import Wire
from services.intake.adapters.passwords import Argon2Passwords
from services.intake.adapters.reference_files import load_calendar, load_fares, load_procedures
from services.intake.adapters.zalo.account import ZaloAccount
from services.intake.adapters.zalo.channel import ZaloChannel
from services.intake.adapters.zalo.client import ZaloClient
from services.intake.adapters.zalo.signature import Variant
from services.intake.adapters.zalo.sql_stores import SqlJournal, SqlTokenStore
from services.intake.adapters.zalo.tokens import TokenKeeper
from services.intake.adapters.zalo.webhook import ZaloWebhook
from services.intake.application.handlers import COMMANDS, EVENTS
from services.intake.application.identity_port import IdentityProvider
from services.intake.application.notice_port import NoticeChannel
from services.intake.application.ports import Passwords, Ports, SignInRules
from services.intake.settings import Settings
from shared.clock import system_clock
from shared.service import Service, assemble, service_engine

MIGRATIONS = Path(__file__).parent / "migrations"
RETURN_PATH = "/dang-nhap/tro-ve"
"""Where the identity provider sends people back to; registered there with our address before it."""


def bootstrap(
    settings: Settings, *, passwords: Passwords | None = None, zalo: NoticeChannel | None = None
) -> Service[Settings]:
    """Intake, ready to run. Tests give cheaper `passwords` and a fake `zalo` channel."""
    gazetteer = load_gazetteer()
    engine = service_engine("intake", settings)
    ports = Ports(
        procedures=tuple(load_procedures()),
        fares=tuple(load_fares()),
        gazetteer=gazetteer,
        calendar=load_calendar(),
        geocoder=make_geocoder(GeocoderKind(settings.geocoder), gazetteer, settings.geocoder_url),
        passwords=passwords or Argon2Passwords(),
        zalo=zalo or zalo_channel(settings, engine),
        call_list=LogChannel(settings.clock()),
        hotline=settings.hotline,
        demo=settings.demo,
        sign_in_rules=SignInRules(
            passwords_for=settings.passwords_for,
            link_by=settings.oidc_link_by,
            roles=settings.oidc_roles,
        ),
    )
    return assemble(
        "intake",
        settings,
        commands=COMMANDS,
        events=EVENTS,
        ports=ports,
        migrations=MIGRATIONS,
        engine=engine,
    )


def zalo_account(settings: Settings) -> ZaloAccount:
    """Our Official Account as the settings describe it."""
    return ZaloAccount(
        app_id=settings.zalo_app_id,
        oa_id=settings.zalo_oa_id,
        app_secret=settings.zalo_app_secret.get_secret_value(),
        oa_secret=settings.zalo_oa_secret.get_secret_value(),
        oauth_url=settings.zalo_oauth_url,
        openapi_url=settings.zalo_openapi_url,
        business_url=settings.zalo_business_url,
    )


def zalo_channel(settings: Settings, engine: Engine) -> ZaloChannel:
    """The channel to Zalo. Tokens live by the machine's clock, whatever time business has."""
    account = zalo_account(settings)
    http = httpx.Client(timeout=settings.zalo_timeout_seconds, trust_env=False)
    tokens = TokenKeeper(
        account,
        SqlTokenStore(engine, account.oa_id),
        http,
        system_clock,
        first_code=settings.zalo_consent_code.get_secret_value() or None,
        code_verifier=settings.zalo_code_verifier.get_secret_value(),
    )
    return ZaloChannel(ZaloClient(account, tokens, http), SqlJournal(engine), settings.clock())


def zalo_webhook(settings: Settings) -> ZaloWebhook:
    """The verified way in for Zalo's events."""
    variants = tuple(Variant.parse(text) for text in settings.zalo_signature_variants)
    return ZaloWebhook(zalo_account(settings), settings.clock(), variants)


def identity_provider(settings: Settings) -> IdentityProvider | None:
    """Where people sign in; None where only passwords are used. Raises OSError without the secret's file."""
    if not settings.oidc_issuer:
        return None
    client = OidcClient(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        redirect_uri=settings.intake_url + RETURN_PATH,
        secret=read_secret(settings.oidc_client_secret_file),
        scopes=settings.oidc_scopes,
        account_claim=settings.oidc_account_claim,
        role_claim=settings.oidc_role_claim,
        leeway_seconds=settings.oidc_leeway_seconds,
    )
    wire = Wire(timeout_seconds=settings.oidc_timeout_seconds, pause_seconds=settings.oidc_pause_seconds)
    return OidcProvider(client, wire)
