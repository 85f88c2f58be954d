package peer;

import java.lang.reflect.Constructor;
import java.lang.reflect.Field;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.dolphinscheduler.common.Constants;
import org.apache.dolphinscheduler.common.enums.ZKNodeType;
import org.apache.dolphinscheduler.server.master.MasterServer;
import org.apache.dolphinscheduler.server.master.cache.impl.TaskInstanceCacheManagerImpl;
import org.apache.dolphinscheduler.server.master.config.MasterConfig;
import org.apache.dolphinscheduler.server.master.dispatch.host.LowerWeightHostManager;
import org.apache.dolphinscheduler.server.master.dispatch.host.assign.HostWeight;
import org.apache.dolphinscheduler.server.master.processor.queue.TaskResponseService;
import org.apache.dolphinscheduler.server.master.registry.MasterRegistry;
import org.apache.dolphinscheduler.server.master.registry.ServerNodeManager;
import org.apache.dolphinscheduler.server.master.runner.MasterSchedulerService;
import org.apache.dolphinscheduler.server.master.zk.ZKMasterClient;
import org.apache.dolphinscheduler.service.zk.RegisterOperator;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;

/** A master, with what it knows of others and how it chooses a worker. */
final class Master implements Requests.Answers {
    private final ServerNodeManager nodes;
    private final LowerWeightHostManager hosts;
    private final ZKMasterClient client;
    private final RegisterOperator operator;
    private InterProcessMutex held;

    private Master(AnnotationConfigApplicationContext context) {
        nodes = context.getBean(ServerNodeManager.class);
        hosts = context.getBean(LowerWeightHostManager.class);
        client = context.getBean(ZKMasterClient.class);
        operator = context.getBean(RegisterOperator.class);
    }

    static Master start(AnnotationConfigApplicationContext context) throws Exception {
        context.getBeanFactory().registerSingleton("processService", new Nothing.Processes());
        context.getBeanFactory().registerSingleton("workerGroupMapper", Nothing.workerGroups());
        context.getBeanFactory().registerSingleton("alertDao", new Nothing.Alerts());
        context.register(MasterConfig.class, MasterRegistry.class, ZKMasterClient.class, MasterSchedulerService.class,
                TaskResponseService.class, TaskInstanceCacheManagerImpl.class, ServerNodeManager.class,
                Class.forName(ServerNodeManager.class.getName() + "$ZKClient"), LowerWeightHostManager.class);
        context.setAllowBeanDefinitionOverriding(true);
        context.addBeanFactoryPostProcessor(beans -> beans.getBeanDefinition("registerOperator").setPrimary(true));
        context.refresh();
        context.getAutowireCapableBeanFactory().createBean(MasterServer.class);
        return new Master(context);
    }

    @Override
    public Collection<String> answer(String verb, List<String> arguments) throws Exception {
        switch (verb) {
            case "masters":
                return nodes.getMasterNodes();
            case "workers":
                Set<String> workers = nodes.getWorkerGroupNodes(arguments.get(0));
                return workers == null ? List.of() : workers;
            case "weighed":
                return weighed(arguments.get(0));
            case "listed":
                return listed(type(arguments.get(0)));
            case "mark":
                operator.handleDeadServer(arguments.get(1), type(arguments.get(0)), Constants.ADD_ZK_OP);
                return List.of();
            case "lock":
                held = new InterProcessMutex(client.getZkClient(), client.getWorkerFailoverLockPath());
                held.acquire();
                return List.of();
            case "unlock":
                client.releaseMutex(held);
                return List.of();
            default:
                return Peer.answer(verb);
        }
    }

    /** Whom its balancer gives tasks to; what it does every few seconds for that is done at once. */
    private Collection<String> weighed(String group) throws Exception {
        run(nodes, "WorkerNodeInfoAndGroupDbSyncTask");
        run(hosts, "RefreshResourceTask");
        Field weights = LowerWeightHostManager.class.getDeclaredField("workerHostWeightsMap");
        weights.setAccessible(true);
        @SuppressWarnings("unchecked")
        Set<HostWeight> of = ((Map<String, Set<HostWeight>>) weights.get(hosts)).getOrDefault(group, Set.of());
        return of.stream().map(weight -> weight.getHost().getAddress()).collect(Collectors.toList());
    }

    private static void run(Object owner, String task) throws Exception {
        Constructor<?> made = Class.forName(owner.getClass().getName() + "$" + task).getDeclaredConstructors()[0];
        made.setAccessible(true);
        ((Runnable) made.newInstance(owner)).run();
    }

    /** Address, start in ms and process of those whose heartbeat it reads. */
    private Collection<String> listed(ZKNodeType type) {
        return client.getServerList(type).stream()
                .map(server -> server.getHost() + ":" + server.getPort() + " " + server.getCreateTime().getTime() + " "
                        + server.getId())
                .collect(Collectors.toList());
    }

    private static ZKNodeType type(String role) {
        return role.equals("master") ? ZKNodeType.MASTER : ZKNodeType.WORKER;
    }
}
