"""How a command can fail."""


class Rejected(Exception):
    """Rejected as the API rejects it."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


class Unsupported(Exception):
    """What Janus cannot do."""
