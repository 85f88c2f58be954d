package peer;

import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.apache.dolphinscheduler.common.Constants;
import org.apache.dolphinscheduler.common.enums.NodeType;
import org.apache.dolphinscheduler.common.utils.HeartBeat;
import org.apache.dolphinscheduler.service.registry.RegistryClient;

/** A worker as 2.0.5's WorkerRegistryClient and HeartBeatTask make one of RegistryClient and HeartBeat. */
final class Worker {
    private static final double MAX_LOAD = 10_000;
    private static final int WEIGHT = 37;
    private static final int THREADS = 100;

    private final RegistryClient client;
    private final String path;
    private final HeartBeat heartbeat = new HeartBeat(System.currentTimeMillis(), MAX_LOAD, 0, WEIGHT, THREADS);
    private final CompletableFuture<String> stopped = new CompletableFuture<>();
    private final ScheduledExecutorService beats = Executors.newSingleThreadScheduledExecutor(task -> {
        Thread thread = new Thread(task, "beats");
        thread.setDaemon(true);
        return thread;
    });

    private Worker(RegistryClient client, String path) {
        this.client = client;
        this.path = path;
    }

    static Worker register(RegistryClient client, String group, String address) {
        String path = Constants.REGISTRY_DOLPHINSCHEDULER_WORKERS + "/" + group + "/" + address;
        Worker worker = new Worker(client, path);
        client.remove(path);
        client.persistEphemeral(path, "");
        client.handleDeadServer(Set.of(path), NodeType.WORKER, Constants.DELETE_OP);
        worker.beats.scheduleAtFixedRate(worker::beat, 1, 1, TimeUnit.SECONDS);
        return worker;
    }

    private void beat() {
        try {
            if (client.checkIsDeadServer(path, Constants.WORKER_TYPE)) {
                client.remove(path);
                stopped.complete("declared dead");
                beats.shutdown();
            } else {
                client.persistEphemeral(path, heartbeat.encodeHeartBeat());
            }
        } catch (RuntimeException error) {
            stopped.completeExceptionally(error);
            throw error;
        }
    }

    /** Waits until it has stopped; says why. */
    String stopped() throws Exception {
        return stopped.get();
    }
}
