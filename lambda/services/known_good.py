"""Known good: what has worked before in this execution environment.

A message names its secrets and its sender. If one of them is refused, the message may be at fault; if it has worked
before, it is not.
"""

from collections.abc import Hashable
from threading import Lock

from cachetools import LRUCache

MAX_ITEMS = 4096


class KnownGood:
    """A bounded set that forgets what was not used for longest."""

    def __init__(self) -> None:
        self._items: LRUCache[Hashable, None] = LRUCache(MAX_ITEMS)
        self._lock = Lock()

    def add(self, item: Hashable) -> None:
        with self._lock:
            self._items[item] = None

    def __contains__(self, item: Hashable) -> bool:
        with self._lock:
            return item in self._items
