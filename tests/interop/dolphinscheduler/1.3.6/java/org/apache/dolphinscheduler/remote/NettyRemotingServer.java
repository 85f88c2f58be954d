package org.apache.dolphinscheduler.remote;

import java.util.concurrent.ExecutorService;
import org.apache.dolphinscheduler.remote.command.CommandType;
import org.apache.dolphinscheduler.remote.config.NettyServerConfig;
import org.apache.dolphinscheduler.remote.processor.NettyRequestProcessor;

/** Stands in for DolphinScheduler's own, which listens on every interface: these servers are given no tasks. */
public class NettyRemotingServer {
    public NettyRemotingServer(NettyServerConfig config) {}

    public void registerProcessor(CommandType type, NettyRequestProcessor processor) {}

    public void registerProcessor(CommandType type, NettyRequestProcessor processor, ExecutorService executor) {}

    public void start() {}

    public void close() {}
}
