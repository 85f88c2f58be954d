"""One session of kazoo, and the lock that it holds."""

from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError, NodeExistsError
from kazoo.recipe.lock import Lock

# ZooKeeper's null, which is not the same as no bytes.
NULL = "-"

LIMIT_SECONDS = 30


class CuratorsLock(Lock):
    """Kazoo's lock under the names of Curator's, without which the two would not see each other.

    Both are needed: how its own entry is called, and which others it waits for.
    """

    _NODE_NAME = "-lock-"
    _EXCLUDE_NAMES = [_NODE_NAME]


class Client:
    def __init__(self, servers, session_seconds):
        self.kazoo = KazooClient(hosts=servers, timeout=session_seconds)
        self.kazoo.start(timeout=LIMIT_SECONDS)
        self.held = None

    def answer(self, verb, arguments):
        match (verb, *arguments):
            case "lock", key:
                lock = CuratorsLock(self.kazoo, key)
                lock.acquire()
                self.held = lock
                return [f"{key}/{lock.node}"]
            case ("unlock",):
                if self.held is None:
                    raise ValueError("no lock is held")
                self.held.release()
                self.held = None
            case "put", key, value:
                self.put(key, value, ephemeral=False)
            case "ephemeral", key, value:
                self.put(key, value, ephemeral=True)
            case "get", key:
                return self.get(key)
            case "tree", key:
                return self.tree(key)
            case "delete", key:
                self.kazoo.delete(key)
            case ("close",):
                self.kazoo.stop()
                self.kazoo.close()
            case _:
                raise ValueError(f"no such request: {verb} with {len(arguments)} arguments")
        return []

    def put(self, key, value, ephemeral):
        data = None if value == NULL else bytes.fromhex(value)
        try:
            self.kazoo.create(key, data, ephemeral=ephemeral, makepath=True)
        except NodeExistsError:
            self.kazoo.set(key, data)

    def get(self, key):
        try:
            data, _ = self.kazoo.get(key)
        except NoNodeError:
            return []
        return [NULL if data is None else data.hex()]

    def tree(self, key):
        fields = []
        for value in self.get(key):
            fields += [key, value]
            for child in self.kazoo.get_children(key):
                fields += self.tree(f"{key}/{child}")
        return fields
