"""Known good: what has worked before in this execution environment.

A message names its secrets and its sender. If one of them is refused, the message may be at fault; if it has worked
before, it is not.
"""

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock

MAX_ITEMS = 4096


class KnownGood:
    """A bounded set that forgets what has not worked for longest."""

    def __init__(self) -> None:
        self._items: OrderedDict[Hashable, None] = OrderedDict()
        self._lock = Lock()

    def add(self, item: Hashable) -> None:
        with self._lock:
            self._items[item] = None
            self._items.move_to_end(item)
            if len(self._items) > MAX_ITEMS:
                self._items.popitem(last=False)

    def __contains__(self, item: Hashable) -> bool:
        with self._lock:
            return item in self._items
