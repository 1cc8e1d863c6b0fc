"""What the dashboard is started with: environment variables GMEMSCOPE_*, or options of `serve`."""

import ipaddress
from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8000
SHORTEST_TOKEN = 16
"""Characters: one that a person can guess lets everybody in who asks often enough."""
_TOKEN_ADVICE = f"it has at least {SHORTEST_TOKEN} characters; `openssl rand -hex 32` makes one"


class Settings(BaseSettings):
    """Settings of one dashboard process."""

    model_config = SettingsConfigDict(env_prefix="GMEMSCOPE_")

    database_url: str | None = None
    """Path or URL; None: gmemscope.db in the user's data folder."""
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    token: SecretStr | None = None
    """Who may read. Needed as soon as the dashboard listens beyond this machine."""

    trusted_proxies: str = ""
    """Addresses or networks, by commas, whose X-Forwarded-For and -Proto are believed: those of a
    reverse proxy that ends TLS in front of the dashboard. None: nobody's are."""

    cache_bytes: Annotated[int, Field(ge=0)] = 384 << 20
    """What the dashboard keeps in memory to answer faster, all in all."""

    upload_limit_bytes: int = 16 << 30
    """How large a file the import page takes; larger ones are imported by `gmemscope import`."""

    import_memory_bytes: Annotated[int, Field(ge=0)] = 2 << 30
    import_cpu_s: Annotated[int, Field(ge=0)] = 3600
    import_output_bytes: Annotated[int, Field(ge=0)] = 16 << 30
    """What one import of the dashboard may take: memory, CPU time, room in the database. 0: any."""

    wrong_token_delay_s: Annotated[float, Field(ge=0)] = 1.0
    """Who has sent a few wrong tokens waits so long for each further answer."""

    connection_limit: Annotated[int, Field(ge=1)] = 512
    """Connections at one time; of more, those that ask for nothing make room, else a 503."""
    header_timeout_s: Annotated[float, Field(gt=0)] = 20
    """How long a request may take to come, from its first byte to the end of its headers."""
    idle_timeout_s: Annotated[float, Field(gt=0)] = 60
    """How long a body may stop coming, and an answer may stop being read. Streams of news are none
    of these."""

    @field_validator("token")
    @classmethod
    def _is_hard_to_guess(cls, token: SecretStr | None) -> SecretStr | None:
        if token is None:
            return None
        text = token.get_secret_value()
        if not text:
            raise ValueError(f"an empty token would let everybody in: {_TOKEN_ADVICE}")
        if not all("!" <= letter <= "~" for letter in text):
            raise ValueError("a token is of ASCII letters, digits and signs, without spaces")
        if len(text) < SHORTEST_TOKEN:
            raise ValueError(f"a token of {len(text)} characters can be guessed: {_TOKEN_ADVICE}")
        return token

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the dashboard."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False
