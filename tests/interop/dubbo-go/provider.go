package main

import (
	"bufio"
	"context"
	"net"
	"os"
	"strconv"
	"syscall"

	"dubbo.apache.org/dubbo-go/v3"
	"dubbo.apache.org/dubbo-go/v3/common/constant"
	"dubbo.apache.org/dubbo-go/v3/protocol"
	"dubbo.apache.org/dubbo-go/v3/protocol/triple/triple_protocol"
	"dubbo.apache.org/dubbo-go/v3/server"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// Echo is the service. dubbo-go wants the name of a handler to be exported.
type Echo struct{ from string }

type echoes interface {
	Echo(context.Context, *wrapperspb.StringValue) (*wrapperspb.StringValue, error)
}

// Echo answers with who it is and what it was asked.
func (e *Echo) Echo(_ context.Context, request *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
	return wrapperspb.String(e.from + ":" + request.Value), nil
}

// provide serves until its input ends or it is asked to close.
func provide(options []dubbo.InstanceOption, service, address string, answer func(...string), requests *bufio.Scanner) {
	host, written, err := net.SplitHostPort(address)
	check(err)
	port, err := strconv.Atoi(written)
	check(err)
	options = append(options, dubbo.WithProtocol(protocol.WithTriple(), protocol.WithIp(host), protocol.WithPort(port)))
	instance, err := dubbo.NewInstance(options...)
	check(err)
	serving, err := instance.NewServer()
	check(err)
	check(serving.Register(&Echo{"go-" + written}, &server.ServiceInfo{
		InterfaceName: service,
		ServiceType:   (*echoes)(nil),
		Methods: []server.MethodInfo{{
			Name:        "Echo",
			Type:        constant.CallUnary,
			ReqInitFunc: func() any { return new(wrapperspb.StringValue) },
			MethodFunc: func(ctx context.Context, arguments []any, handler any) (any, error) {
				response, err := handler.(echoes).Echo(ctx, arguments[0].(*wrapperspb.StringValue))
				if err != nil {
					return nil, err
				}
				return triple_protocol.NewResponse(response), nil
			},
		}},
		// Its own weight is 0, by which it gets no call beside a provider of another language.
	}, server.WithParam("methods.Echo.weight", "100")))
	go func() { check(serving.Serve()) }()
	for requests.Scan() {
		// Whether it is ready is for others to see: nothing tells it here.
		answer()
		if requests.Text() == "close" {
			// dubbo-go's own handler unregisters, then exits.
			check(syscall.Kill(os.Getpid(), syscall.SIGTERM))
			select {}
		}
	}
}
