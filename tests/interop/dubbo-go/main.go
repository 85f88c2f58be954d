// A provider or a consumer of dubbo-go, driven by lines: see `tests/interop/src/process.rs`.
//
//	driver provider zookeeper|etcdv3 SERVER interface|service|all APPLICATION INTERFACE HOST:PORT
//	driver consumer zookeeper|etcdv3 SERVER interface|service|all APPLICATION INTERFACE
//
// It answers `started` once it is ready, and a consumer `call COUNT` with how many calls each answer came from.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"syscall"

	"dubbo.apache.org/dubbo-go/v3"
	"dubbo.apache.org/dubbo-go/v3/logger"
	"dubbo.apache.org/dubbo-go/v3/registry"

	// Everything that is of use here: all of dubbo-go takes several times as long to build.
	_ "dubbo.apache.org/dubbo-go/v3/cluster/cluster/failover"
	_ "dubbo.apache.org/dubbo-go/v3/cluster/loadbalance/random"
	_ "dubbo.apache.org/dubbo-go/v3/filter/accesslog"
	_ "dubbo.apache.org/dubbo-go/v3/filter/echo"
	_ "dubbo.apache.org/dubbo-go/v3/filter/exec_limit"
	_ "dubbo.apache.org/dubbo-go/v3/filter/generic"
	_ "dubbo.apache.org/dubbo-go/v3/filter/graceful_shutdown"
	_ "dubbo.apache.org/dubbo-go/v3/filter/token"
	_ "dubbo.apache.org/dubbo-go/v3/filter/tps"
	_ "dubbo.apache.org/dubbo-go/v3/filter/tps/limiter"
	_ "dubbo.apache.org/dubbo-go/v3/filter/tps/strategy"
	_ "dubbo.apache.org/dubbo-go/v3/logger/core/zap"
	_ "dubbo.apache.org/dubbo-go/v3/metadata/mapping/metadata"
	_ "dubbo.apache.org/dubbo-go/v3/metadata/report/etcd"
	_ "dubbo.apache.org/dubbo-go/v3/metadata/report/zookeeper"
	_ "dubbo.apache.org/dubbo-go/v3/protocol/dubbo"
	_ "dubbo.apache.org/dubbo-go/v3/protocol/triple"
	_ "dubbo.apache.org/dubbo-go/v3/proxy/proxy_factory"
	_ "dubbo.apache.org/dubbo-go/v3/registry/directory"
	_ "dubbo.apache.org/dubbo-go/v3/registry/etcdv3"
	_ "dubbo.apache.org/dubbo-go/v3/registry/protocol"
	_ "dubbo.apache.org/dubbo-go/v3/registry/servicediscovery"
	_ "dubbo.apache.org/dubbo-go/v3/registry/zookeeper"
)

func main() {
	// dubbo-go logs to the standard output, where the answers go.
	out, err := syscall.Dup(1)
	check(err)
	check(syscall.Dup2(2, 1))
	answers := os.NewFile(uintptr(out), "answers")
	answer := func(fields ...string) {
		fmt.Fprintln(answers, strings.Join(append([]string{"ok"}, fields...), "\t"))
	}
	if len(os.Args) < 7 {
		fmt.Fprintln(os.Stderr, "usage: driver provider|consumer REGISTRY SERVER LEVEL APPLICATION INTERFACE [HOST:PORT]")
		os.Exit(2)
	}
	role, kind, server, level, application := os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5]
	options := []registry.Option{registry.WithRegistry(kind), registry.WithAddress(server)}
	switch level {
	case "interface":
		options = append(options, registry.WithRegisterInterface())
	case "service":
		options = append(options, registry.WithRegisterService())
	default:
		options = append(options, registry.WithRegisterServiceAndInterface())
	}
	all := []dubbo.InstanceOption{
		dubbo.WithName(application),
		dubbo.WithRegistry(options...),
		dubbo.WithLogger(logger.WithZap(), logger.WithLevel("error")),
	}
	requests := bufio.NewScanner(os.Stdin)
	if role == "provider" {
		provide(all, os.Args[6], os.Args[7], answer, requests)
	} else {
		consume(all, os.Args[6], answer, requests)
	}
	// As if it had crashed.
	syscall.Kill(os.Getpid(), syscall.SIGKILL)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "dubbo-go:", err)
		os.Exit(1)
	}
}
