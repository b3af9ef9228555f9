"""The settings of the web page and API."""

from dataclasses import dataclass, field

from edge.setting import setting


@dataclass(frozen=True, slots=True)
class External:
    """A second listener with nothing but the page and its log-in, for a tunnel or VPN such as Tailscale."""

    host: str = setting("", "Address to listen on, such as the VPN's; empty for none.")
    port: int = setting(8081, "TCP port to listen on.", low=1, high=65535)


@dataclass(frozen=True, slots=True)
class Jwt:
    """Tokens of another system, for auth = "jwt": Supabase, or any that signs HS256, RS256 or ES256."""

    issuer: str = setting("", "Who must have signed (iss), such as https://PROJECT.supabase.co/auth/v1.")
    audience: str = setting("authenticated", "For whom it must be meant (aud).")
    secret_file: str = setting("", "File with the shared secret of HS256; a bare name is a systemd credential.")
    jwks_url: str = setting("", "https address of the public keys of RS256 and ES256 (JWKS); empty for none.")
    claim: str = setting(
        "app_metadata.nilm", 'Claim with {"role": "viewer", "grants": ["home"]}; users must not set it.'
    )
    leeway_s: int = setting(10, "Seconds by which clocks may differ.", low=0, high=300)


@dataclass(frozen=True, slots=True)
class Gateway:
    """The web page and API."""

    host: str = setting("127.0.0.1", "Address to listen on; 127.0.0.1 is this machine alone.")
    port: int = setting(8080, "TCP port to listen on.", low=1, high=65535)
    cors_origins: str = setting("", "Web origins that may call the API, separated by commas; empty for none.")
    hosts: str = setting("", "Names by which browsers reach it besides this machine's own, separated by commas.")
    trusted_proxies: str = setting(
        "", "Addresses or networks of reverse proxies whose X-Forwarded-For and -Proto are believed; empty for none."
    )
    tls_cert_file: str = setting("", "PEM file with the certificate and its chain, for https; empty for none.")
    tls_key_file: str = setting("", "PEM file with the certificate's private key.")
    auth: str = setting(
        "local", "Who may call: accounts on this box (local), or another system's tokens.", choices=("local", "jwt")
    )
    public_dashboard: bool = setting(False, "Whether the local network may look at the page without log-in.")
    admin_token_file: str = setting(
        "",
        "File with a token of 32 characters or more, for programs as admin; or a systemd credential's name.",
    )
    session_h: int = setting(168, "Hours until one must log in again.", low=1, high=8760)
    auth_cache_s: int = setting(30, "Seconds that a decision who calls is kept in Redis.", low=0, high=3600)
    user_per_min: int = setting(60, "Requests a minute that a user may make. 0: any number.", low=0, high=1_000_000)
    address_per_min: int = setting(
        120, "Requests a minute that an address may make. 0: any number.", low=0, high=1_000_000
    )
    streams: int = setting(256, "Event streams that may be open at once.", low=1, high=2048)
    streams_each: int = setting(
        32, "Event streams that an address, or a user, may have open. 0: any number.", low=0, high=2048
    )
    e2e_probes: bool = setting(False, "Whether the probes under /e2e answer.")
    e2e_token_file: str = setting("", "File with their token, of 32 characters or more.")
    external: External = field(default_factory=External)
    jwt: Jwt = field(default_factory=Jwt)
