package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"dubbo.apache.org/dubbo-go/v3"
	"dubbo.apache.org/dubbo-go/v3/client"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// consume calls as it is asked, until its input ends.
func consume(options []dubbo.InstanceOption, service string, answer func(...string), requests *bufio.Scanner) {
	instance, err := dubbo.NewInstance(options...)
	check(err)
	consumer, err := instance.NewClient(client.WithClientProtocolTriple(), client.WithClientNoCheck())
	check(err)
	calls, err := consumer.DialWithInfo(service, &client.ClientInfo{InterfaceName: service, MethodNames: []string{"Echo"}})
	check(err)
	for requests.Scan() {
		verb, argument, _ := strings.Cut(requests.Text(), "\t")
		switch verb {
		case "call":
			count, err := strconv.Atoi(argument)
			check(err)
			answer(call(calls, count)...)
		case "close":
			answer()
			os.Exit(0)
		default:
			answer()
		}
	}
}

// call gives each answer, or error, with how often it came.
func call(calls *client.Connection, count int) []string {
	got := map[string]int{}
	for range count {
		response := new(wrapperspb.StringValue)
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		if err := calls.CallUnary(ctx, []any{wrapperspb.String("hi")}, response, "Echo"); err != nil {
			got["error "+strings.Map(plain, err.Error())]++
		} else {
			got[response.Value]++
		}
		cancel()
	}
	var fields []string
	for what, often := range got {
		fields = append(fields, fmt.Sprint(often), what)
	}
	return fields
}

// plain leaves out what would end a field.
func plain(r rune) rune {
	if r < ' ' {
		return ' '
	}
	return r
}
