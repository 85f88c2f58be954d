package peer;

import java.io.PrintStream;
import java.lang.reflect.Field;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.apache.dolphinscheduler.common.thread.Stopper;
import org.apache.dolphinscheduler.common.utils.NetUtils;
import org.apache.dolphinscheduler.server.registry.ZookeeperRegistryCenter;
import org.apache.dolphinscheduler.server.worker.WorkerServer;
import org.apache.dolphinscheduler.server.worker.cache.impl.TaskExecutionContextCacheManagerImpl;
import org.apache.dolphinscheduler.server.worker.config.WorkerConfig;
import org.apache.dolphinscheduler.server.worker.processor.TaskCallbackService;
import org.apache.dolphinscheduler.server.worker.registry.WorkerRegistry;
import org.apache.dolphinscheduler.server.worker.runner.RetryReportTaskStatusThread;
import org.apache.dolphinscheduler.service.bean.SpringApplicationContext;
import org.apache.dolphinscheduler.service.zk.RegisterOperator;
import org.apache.dolphinscheduler.service.zk.ZookeeperConfig;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;

/**
 * A server of DolphinScheduler 1.3.6 in its own classes, without a database, driven by lines.
 *
 * <p>Usage: Peer CONNECT-STRING NAMESPACE master|worker PROPERTY=VALUE…, with DolphinScheduler's own properties.
 */
final class Peer {
    private static final long POLL_MILLISECONDS = 20;

    private Peer() {}

    public static void main(String[] arguments) throws Exception {
        PrintStream output = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        System.setProperty("zookeeper.quorum", arguments[0]);
        System.setProperty("zookeeper.dolphinscheduler.root", "/" + arguments[1]);
        for (int at = 3; at < arguments.length; at++) {
            String[] property = arguments[at].split("=", 2);
            System.setProperty(property[0], property[1]);
        }
        // Else it is the first address of a network card.
        Field host = NetUtils.class.getDeclaredField("HOST_ADDRESS");
        host.setAccessible(true);
        host.set(null, "127.0.0.1");

        AnnotationConfigApplicationContext context = new AnnotationConfigApplicationContext();
        context.register(SpringApplicationContext.class, ZookeeperConfig.class, RegisterOperator.class,
                ZookeeperRegistryCenter.class);
        // Each registers, and begins to beat, by itself.
        Requests.Answers answers = arguments[2].equals("worker") ? worker(context) : Master.start(context);
        Requests.serve(answers, output);
    }

    private static Requests.Answers worker(AnnotationConfigApplicationContext context) {
        context.register(WorkerConfig.class, WorkerRegistry.class, TaskCallbackService.class,
                TaskExecutionContextCacheManagerImpl.class, RetryReportTaskStatusThread.class);
        context.refresh();
        context.getAutowireCapableBeanFactory().createBean(WorkerServer.class);
        return (verb, unused) -> answer(verb);
    }

    /** What every server can be asked. */
    static List<String> answer(String verb) throws InterruptedException {
        switch (verb) {
            case "started":
            case "close":
                return List.of();
            case "stopped":
                // Its own code has decided to stop.
                while (Stopper.isRunning()) {
                    Thread.sleep(POLL_MILLISECONDS);
                }
                return List.of();
            default:
                throw new IllegalArgumentException("no such request: " + verb);
        }
    }
}
