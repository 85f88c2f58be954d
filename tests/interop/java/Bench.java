import java.util.Arrays;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.CuratorFramework;

/** Makes calls as fast as they are answered, so many at a time, each by a thread of its own that waits for it. */
final class Bench {
    private final CuratorFramework curator;

    /** They stay from one measurement to the next: starting them is no work of the client's. */
    private final ExecutorService threads = Executors.newCachedThreadPool(Bench::thread);

    Bench(CuratorFramework curator) {
        this.curator = curator;
    }

    /** Arguments: operation, calls, flight, value, keys. */
    List<String> answer(List<String> arguments) throws Exception {
        int calls = Integer.parseInt(arguments.get(1));
        int flight = Integer.parseInt(arguments.get(2));
        byte[] value = HexFormat.of().parseHex(arguments.get(3));
        List<String> keys = arguments.subList(4, arguments.size());
        switch (arguments.get(0)) {
            case "get":
                return measure(calls, flight, keys, key -> find(key, value));
            case "put":
                return measure(calls, flight, keys, key -> curator.setData().forPath(key, value));
            default:
                throw new IllegalArgumentException("no such operation to measure: " + arguments.get(0));
        }
    }

    private void find(String key, byte[] value) throws Exception {
        if (!Arrays.equals(curator.getData().forPath(key), value)) {
            throw new IllegalStateException(key + " has not the value that was put");
        }
    }

    private List<String> measure(int calls, int flight, List<String> keys, Call call) throws Exception {
        AtomicInteger next = new AtomicInteger();
        long[] latencies = new long[calls];
        Callable<Void> work = () -> {
            for (int number = next.getAndIncrement(); number < calls; number = next.getAndIncrement()) {
                long begin = System.nanoTime();
                call.on(keys.get(number % keys.size()));
                latencies[number] = System.nanoTime() - begin;
            }
            return null;
        };
        long start = System.nanoTime();
        for (Future<Void> end : threads.invokeAll(Collections.nCopies(flight, work))) {
            end.get();
        }
        double perSecond = calls * 1e9 / (System.nanoTime() - start);
        Arrays.sort(latencies);
        return List.of(Long.toString(latencies[calls / 2]), Double.toString(perSecond));
    }

    /** None of them keeps the process when its session has ended. */
    private static Thread thread(Runnable work) {
        Thread thread = new Thread(work);
        thread.setDaemon(true);
        return thread;
    }

    private interface Call {
        void on(String key) throws Exception;
    }
}
