"""Sign-in by OpenID Connect: the relying party's side of the authorization code flow with PKCE."""
