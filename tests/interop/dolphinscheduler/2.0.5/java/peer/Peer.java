package peer;

import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.dolphinscheduler.common.Constants;
import org.apache.dolphinscheduler.common.enums.NodeType;
import org.apache.dolphinscheduler.service.registry.RegistryClient;

/**
 * DolphinScheduler 2.0.5's RegistryClient, its plugin for ZooKeeper and its HeartBeat, driven by lines. Its servers are not
 * published: {@link Worker} is their few lines.
 *
 * <p>Usage: Peer CONNECT-STRING NAMESPACE master|worker PROPERTY=VALUE…
 */
final class Peer implements Requests.Answers {
    private final RegistryClient client = new RegistryClient();
    private Worker worker;

    public static void main(String[] arguments) throws Exception {
        PrintStream output = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        System.setProperty("registry.plugin.name", "zookeeper");
        System.setProperty("registry.servers", arguments[0]);
        System.setProperty("registry.namespace", arguments[1]);
        System.setProperty("registry.block.until.connected.wait", "15000");
        Peer peer = new Peer();
        peer.client.afterConstruct();
        Requests.serve(peer, output);
    }

    @Override
    public Collection<String> answer(String verb, List<String> arguments) throws Exception {
        switch (verb) {
            case "register":
                worker = Worker.register(client, arguments.get(0), arguments.get(1));
                return List.of();
            case "stopped":
                return List.of(worker.stopped());
            case "masters":
                return client.getMasterNodesDirectly();
            case "workers":
                return client.getWorkerGroupNodesDirectly(arguments.get(0));
            case "listed":
                return listed(type(arguments.get(0)));
            case "mark":
                client.handleDeadServer(Set.of("/" + arguments.get(1)), type(arguments.get(0)), Constants.ADD_OP);
                return List.of();
            case "lock":
                client.getLock(Constants.REGISTRY_DOLPHINSCHEDULER_LOCK_FAILOVER_WORKERS);
                return List.of();
            case "unlock":
                client.releaseLock(Constants.REGISTRY_DOLPHINSCHEDULER_LOCK_FAILOVER_WORKERS);
                return List.of();
            case "started":
            case "close":
                return List.of();
            default:
                throw new IllegalArgumentException("no such request: " + verb);
        }
    }

    /** Address, start in ms and process of those whose heartbeat it reads. */
    private Collection<String> listed(NodeType type) {
        return client.getServerList(type).stream()
                .map(server -> server.getHost() + ":" + server.getPort() + " " + server.getCreateTime().getTime() + " "
                        + server.getId())
                .collect(Collectors.toList());
    }

    private static NodeType type(String role) {
        return role.equals("master") ? NodeType.MASTER : NodeType.WORKER;
    }
}
