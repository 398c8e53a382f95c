"""What an environment's resources are called: the design's names, or those that its file gives."""

from collections.abc import Mapping
from typing import Any


def names_of(environment: str, variables: Mapping[str, Any]) -> dict[str, str]:
    """Return the names as terraform/modules/stack gives them."""
    stage = environment.title()
    given = {name: value for name, value in (variables.get("names") or {}).items() if value is not None}
    function = given.get("function", f"whatsapp-channel-processor-{environment}")
    return {
        "queue": f"ai-multi-comms-whatsapp-queue-{environment}",
        "dead_letter_queue": f"ai-multi-comms-whatsapp-dlq-{environment}",
        "table": f"conversations-{environment}",
        "function": function,
        "role": f"ai-multi-comms-whatsapp-processor-{environment}-role",
        "topic": f"ai-comms-critical-alerts-{environment}",
        "key_alias": f"whatsapp-channel-processor-{environment}",
        "log_group": f"/aws/lambda/{function}",
        "metric_filter": f"FinalDbUpdateFailureFilter-{stage}",
        "critical_alarm": f"{given.get('alarm_prefix', 'WhatsAppProcessor')}FinalDbUpdateFailureAlarm-{stage}",
        **given,
    }
