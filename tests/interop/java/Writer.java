import java.util.List;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;

/**
 * Puts a key again and again for so long, one after the other. Tells the longest time from one that succeeded to the next, or to the
 * end, in nanoseconds; how many succeeded; how many failed.
 */
final class Writer {
    private static final int PAUSE_MILLIS = 2;

    private Writer() {}

    static List<String> write(CuratorFramework curator, String key, int seconds) throws InterruptedException {
        long last = System.nanoTime();
        long end = last + TimeUnit.SECONDS.toNanos(seconds);
        long longest = 0;
        int written = 0;
        int failed = 0;
        while (System.nanoTime() < end) {
            if (put(curator, key, written)) {
                long now = System.nanoTime();
                longest = Math.max(longest, now - last);
                last = now;
                written++;
            } else {
                failed++;
            }
            Thread.sleep(PAUSE_MILLIS);
        }
        longest = Math.max(longest, System.nanoTime() - last);
        return List.of(Long.toString(longest), Integer.toString(written), Integer.toString(failed));
    }

    /** Curator knows no deadline of a call: it gives up by its own timeouts and its policy of retries. */
    private static boolean put(CuratorFramework curator, String key, int number) {
        try {
            curator.create().orSetData().creatingParentsIfNeeded().forPath(key, Integer.toString(number).getBytes());
            return true;
        } catch (Exception failure) {
            return false;
        }
    }
}
