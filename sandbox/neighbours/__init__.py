"""Neighbours: the Channel Router before us and the replies service after us, by the engine's public contract.

They are written from what the engine's own programs do, and import nothing of the function: nobody can bend them to
what the function happens to write or accept.
"""

from sandbox.neighbours.replies import Outcome, RepliesService
from sandbox.neighbours.router import ChannelRouter, Routed, Style, company_record, frontend_request

__all__ = [
    "ChannelRouter",
    "Outcome",
    "RepliesService",
    "Routed",
    "Style",
    "company_record",
    "frontend_request",
]
