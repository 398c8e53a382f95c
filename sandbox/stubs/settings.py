"""How the stubs behave where no script says otherwise; can be changed while they run."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(slots=True)
class Settings:
    """Times are in seconds.

    Attributes:
        run_seconds: How long the model takes. A background response still starts as `queued`.
        poll_after_seconds: What `openai-poll-after-ms` asks of a polling caller; None sends no such header.
        list_lag_seconds: Time until a new message shows in Twilio's list; fetching it by SID works at once.
        sent_after_seconds: Time until a message is `sent` and has a `date_sent`.
        lists_whole_threads: List a thread's messages whatever `run_id` asks for, as some compatible servers do.
        delivered_after_seconds: Time until a message is `delivered`, or whatever a script says is its end.
    """

    run_seconds: float = 0.0
    poll_after_seconds: float | None = None
    list_lag_seconds: float = 0.0
    sent_after_seconds: float = 0.5
    delivered_after_seconds: float = 1.5
    lists_whole_threads: bool = False

    def change(self, changes: Mapping[str, Any]) -> None:
        """Change some settings.

        Raises:
            ValueError: A name is unknown or a value is not of its kind; nothing is changed then.
        """
        known = {field.name for field in fields(self)}
        for name, value in changes.items():
            if name not in known:
                raise ValueError(f"unknown setting {name!r}; there are: {', '.join(sorted(known))}")
            if value is None and name == "poll_after_seconds":
                continue
            if name == "lists_whole_threads":
                if not isinstance(value, bool):
                    raise ValueError(f"{name} must be true or false; it is {value!r}")
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
                raise ValueError(f"{name} must be a number of seconds, 0 or more; it is {value!r}")
        for name, value in changes.items():
            setattr(self, name, value)

    def view(self) -> dict[str, Any]:
        return asdict(self)
