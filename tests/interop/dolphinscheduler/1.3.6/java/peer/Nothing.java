package peer;

import java.lang.reflect.Proxy;
import java.util.List;
import org.apache.dolphinscheduler.dao.AlertDao;
import org.apache.dolphinscheduler.dao.entity.Command;
import org.apache.dolphinscheduler.dao.entity.ProcessInstance;
import org.apache.dolphinscheduler.dao.entity.TaskInstance;
import org.apache.dolphinscheduler.dao.mapper.WorkerGroupMapper;
import org.apache.dolphinscheduler.service.process.ProcessService;

/** The database: there is none, and nothing is in it. */
final class Nothing {
    private Nothing() {}

    static final class Processes extends ProcessService {
        @Override
        public Command findOneCommand() {
            return null;
        }

        @Override
        public List<ProcessInstance> queryNeedFailoverProcessInstances(String host) {
            return List.of();
        }

        @Override
        public List<TaskInstance> queryNeedFailoverTaskInstances(String host) {
            return List.of();
        }
    }

    static final class Alerts extends AlertDao {
        @Override
        protected void init() {}

        @Override
        public void sendServerStopedAlert(int group, String host, String type) {}
    }

    static WorkerGroupMapper workerGroups() {
        Class<?>[] interfaces = {WorkerGroupMapper.class};
        return (WorkerGroupMapper) Proxy.newProxyInstance(Nothing.class.getClassLoader(), interfaces,
                (proxy, method, arguments) -> method.getReturnType() == List.class ? List.of() : null);
    }
}
