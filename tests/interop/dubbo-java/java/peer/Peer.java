package peer;

import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.List;
import org.apache.dubbo.config.ApplicationConfig;
import org.apache.dubbo.config.RegistryConfig;

/**
 * A provider or a consumer of Dubbo, driven by lines: see ../src/process.rs.
 *
 * <p>Usage: Peer provider|consumer REGISTRY-URL interface|instance|all APPLICATION [PORT]. It is started by its first
 * request; a consumer answers "call COUNT" with how often each answer came.
 */
final class Peer implements Requests.Answers {
    private final String[] arguments;
    private Consumer consumer;
    private boolean started;

    private Peer(String[] arguments) {
        this.arguments = arguments;
    }

    public static void main(String[] arguments) throws Exception {
        PrintStream output = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        // Whatever logs is not to answer.
        System.setOut(System.err);
        Requests.serve(new Peer(arguments), output);
    }

    @Override
    public Collection<String> answer(String verb, List<String> fields) {
        if (!started) {
            start();
        }
        switch (verb) {
            case "started":
                return List.of();
            case "call":
                return consumer.call(Integer.parseInt(fields.get(0)));
            case "close":
                org.apache.dubbo.config.bootstrap.DubboBootstrap.getInstance().stop();
                return List.of();
            default:
                throw new IllegalArgumentException(verb);
        }
    }

    private void start() {
        started = true;
        ApplicationConfig application = new ApplicationConfig(arguments[3]);
        application.setQosEnable(false);
        RegistryConfig registry = new RegistryConfig(arguments[1]);
        String level = arguments[2];
        if (arguments[0].equals("provider")) {
            application.setRegisterMode(level);
            Provider.start(application, registry, Integer.parseInt(arguments[4]));
        } else {
            consumer = Consumer.start(application, registry, level);
        }
    }
}
