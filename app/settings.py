"""What the dashboard is started with: environment variables GMEMSCOPE_*, or options of `serve`."""

import ipaddress

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8000


class Settings(BaseSettings):
    """Settings of one dashboard process."""

    model_config = SettingsConfigDict(env_prefix="GMEMSCOPE_")

    database_url: str | None = None
    """Path or URL; None: gmemscope.db in the user's data folder."""
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    token: SecretStr | None = None
    """Who may read. Needed as soon as the dashboard listens beyond this machine."""

    upload_limit_bytes: int = 16 << 30
    """How large a file the import page takes; larger ones are imported by `gmemscope import`."""

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the dashboard."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False
