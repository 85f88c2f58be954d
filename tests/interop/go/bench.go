package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"sort"
	"strconv"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// Makes calls as fast as they are answered, `flight` of them at a time, each by a goroutine of its own.
func (c *client) bench(operation, calls, flight, value string, keys []string) ([]string, error) {
	count, err := strconv.Atoi(calls)
	if err != nil {
		return nil, err
	}
	atOnce, err := strconv.Atoi(flight)
	if err != nil {
		return nil, err
	}
	bytes, err := hex.DecodeString(value)
	if err != nil {
		return nil, err
	}
	// As long as they take: whoever asked has a deadline.
	ctx := context.Background()
	switch operation {
	case "get":
		return measure(count, atOnce, keys, func(key string) error { return find(ctx, c.etcd, key, string(bytes)) })
	case "put":
		return measure(count, atOnce, keys, func(key string) error {
			_, err := c.etcd.Put(ctx, key, string(bytes))
			return err
		})
	}
	return nil, fmt.Errorf("no such operation to measure: %s", operation)
}

func find(ctx context.Context, etcd *clientv3.Client, key, value string) error {
	found, err := etcd.Get(ctx, key)
	if err != nil {
		return err
	}
	if len(found.Kvs) != 1 || string(found.Kvs[0].Value) != value {
		return fmt.Errorf("%s has not the value that was put", key)
	}
	return nil
}

func measure(calls, flight int, keys []string, call func(key string) error) ([]string, error) {
	var next atomic.Int64
	latencies := make([]time.Duration, calls)
	work := func() error {
		for number := int(next.Add(1)) - 1; number < calls; number = int(next.Add(1)) - 1 {
			begin := time.Now()
			if err := call(keys[number%len(keys)]); err != nil {
				return err
			}
			latencies[number] = time.Since(begin)
		}
		return nil
	}
	ends := make(chan error, flight)
	start := time.Now()
	for i := 0; i < flight; i++ {
		go func() { ends <- work() }()
	}
	var failure error
	for i := 0; i < flight; i++ {
		if err := <-ends; err != nil {
			failure = err
		}
	}
	perSecond := float64(calls) / time.Since(start).Seconds()
	if failure != nil {
		return nil, failure
	}
	sort.Slice(latencies, func(i, j int) bool { return latencies[i] < latencies[j] })
	return []string{fmt.Sprint(latencies[calls/2].Nanoseconds()), fmt.Sprint(perSecond)}, nil
}
