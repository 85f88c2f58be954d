package peer;

import com.google.protobuf.StringValue;
import demo.EchoService;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.dubbo.config.ApplicationConfig;
import org.apache.dubbo.config.ReferenceConfig;
import org.apache.dubbo.config.RegistryConfig;
import org.apache.dubbo.config.bootstrap.DubboBootstrap;

/** Calls as it is asked. */
final class Consumer {
    private final EchoService service;

    private Consumer(EchoService service) {
        this.service = service;
    }

    static Consumer start(ApplicationConfig application, RegistryConfig registry, String level) {
        String step = switch (level) {
            case "interface" -> "FORCE_INTERFACE";
            case "instance" -> "FORCE_APPLICATION";
            default -> "APPLICATION_FIRST";
        };
        System.setProperty("dubbo.application.migration.step", step);
        application.setParameters(Map.of("migration.step", step));
        ReferenceConfig<EchoService> reference = new ReferenceConfig<>();
        reference.setInterface(EchoService.class);
        reference.setCheck(false);
        reference.setProtocol("tri");
        reference.setTimeout(2000);
        reference.setRetries(0);
        DubboBootstrap.getInstance().application(application).registry(registry).reference(reference).start();
        return new Consumer(reference.get());
    }

    /** Each answer, or error, after how often it came. */
    List<String> call(int count) {
        Map<String, Integer> got = new TreeMap<>();
        for (int i = 0; i < count; i++) {
            got.merge(answer(), 1, Integer::sum);
        }
        List<String> fields = new ArrayList<>();
        got.forEach((what, often) -> {
            fields.add(often.toString());
            fields.add(what);
        });
        return fields;
    }

    private String answer() {
        try {
            return service.Echo(StringValue.of("hi")).getValue();
        } catch (RuntimeException error) {
            return "error " + String.valueOf(error.getMessage()).replaceAll("\\s+", " ");
        }
    }
}
