package peer;

import com.google.protobuf.StringValue;
import demo.EchoService;
import org.apache.dubbo.config.ApplicationConfig;
import org.apache.dubbo.config.ProtocolConfig;
import org.apache.dubbo.config.RegistryConfig;
import org.apache.dubbo.config.ServiceConfig;
import org.apache.dubbo.config.bootstrap.DubboBootstrap;

/** Answers with who it is and what it was asked. */
final class Provider {
    private Provider() {}

    static void start(ApplicationConfig application, RegistryConfig registry, int port) {
        ProtocolConfig protocol = new ProtocolConfig("tri", port);
        protocol.setHost("127.0.0.1");
        ServiceConfig<EchoService> service = new ServiceConfig<>();
        service.setInterface(EchoService.class);
        service.setRef(request -> StringValue.of("java-" + port + ":" + request.getValue()));
        DubboBootstrap.getInstance().application(application).registry(registry).protocol(protocol).service(service).start();
    }
}
