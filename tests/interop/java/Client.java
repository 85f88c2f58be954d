import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.retry.RetryOneTime;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;

/** One session of Curator, and the lock that it holds. */
final class Client {
    /** ZooKeeper's null, which is not the same as no bytes. */
    private static final String NULL = "-";

    private static final int LIMIT_SECONDS = 30;

    private final CuratorFramework curator;
    private final Bench bench;
    private Mutex held;

    private Client(CuratorFramework curator) {
        this.curator = curator;
        bench = new Bench(curator);
    }

    static Client connect(String servers, int sessionSeconds) throws Exception {
        int session = (int) TimeUnit.SECONDS.toMillis(sessionSeconds);
        int connection = (int) TimeUnit.SECONDS.toMillis(LIMIT_SECONDS);
        CuratorFramework curator =
                CuratorFrameworkFactory.newClient(servers, session, connection, new RetryOneTime(100));
        curator.start();
        if (!curator.blockUntilConnected(LIMIT_SECONDS, TimeUnit.SECONDS)) {
            throw new IllegalStateException("no connection to " + servers);
        }
        return new Client(curator);
    }

    List<String> answer(String verb, List<String> arguments) throws Exception {
        if (verb.equals("bench") && arguments.size() > 4) {
            return bench.answer(arguments);
        }
        switch (verb + " " + arguments.size()) {
            case "lock 1":
                return lock(arguments.get(0));
            case "unlock 0":
                return unlock();
            case "put 2":
                return put(arguments.get(0), arguments.get(1), CreateMode.PERSISTENT);
            case "ephemeral 2":
                return put(arguments.get(0), arguments.get(1), CreateMode.EPHEMERAL);
            case "get 1":
                return get(arguments.get(0));
            case "tree 1":
                return tree(arguments.get(0), new ArrayList<>());
            case "delete 1":
                curator.delete().forPath(arguments.get(0));
                return List.of();
            case "write 2":
                return Writer.write(curator, arguments.get(0), Integer.parseInt(arguments.get(1)));
            case "close 0":
                curator.close();
                return List.of();
            default:
                throw new IllegalArgumentException("no such request: " + verb + " with " + arguments.size() + " arguments");
        }
    }

    private List<String> lock(String key) throws Exception {
        Mutex mutex = new Mutex(curator, key);
        mutex.acquire();
        held = mutex;
        return List.of(mutex.entry());
    }

    private List<String> unlock() throws Exception {
        if (held == null) {
            throw new IllegalStateException("no lock is held");
        }
        held.release();
        held = null;
        return List.of();
    }

    private List<String> put(String key, String value, CreateMode mode) throws Exception {
        byte[] data = value.equals(NULL) ? null : HexFormat.of().parseHex(value);
        curator.create().orSetData().creatingParentsIfNeeded().withMode(mode).forPath(key, data);
        return List.of();
    }

    private List<String> get(String key) throws Exception {
        try {
            return List.of(shown(curator.getData().forPath(key)));
        } catch (KeeperException.NoNodeException absent) {
            return List.of();
        }
    }

    private List<String> tree(String key, List<String> fields) throws Exception {
        for (String value : get(key)) {
            fields.add(key);
            fields.add(value);
            for (String child : curator.getChildren().forPath(key)) {
                tree(key + "/" + child, fields);
            }
        }
        return fields;
    }

    private static String shown(byte[] data) {
        return data == null ? NULL : HexFormat.of().formatHex(data);
    }

    /** Curator's lock, which also tells its place in the queue. */
    private static final class Mutex extends InterProcessMutex {
        Mutex(CuratorFramework curator, String key) {
            super(curator, key);
        }

        String entry() {
            return getLockPath();
        }
    }
}
