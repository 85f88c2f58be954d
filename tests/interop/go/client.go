package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

const limit = 30 * time.Second

// One session of etcd's client, and the lock that it holds.
type client struct {
	etcd    *clientv3.Client
	session *concurrency.Session
	held    *concurrency.Mutex
}

func connect(endpoints, session string) (*client, error) {
	ttl, err := seconds(session)
	if err != nil {
		return nil, err
	}
	etcd, err := clientv3.New(clientv3.Config{Endpoints: strings.Split(endpoints, ","), DialTimeout: limit})
	if err != nil {
		return nil, err
	}
	opened, err := concurrency.NewSession(etcd, concurrency.WithTTL(ttl))
	if err != nil {
		return nil, err
	}
	return &client{etcd: etcd, session: opened}, nil
}

func (c *client) do(verb string, arguments []string) ([]string, error) {
	// As long as it takes: whoever asked has a deadline.
	if verb == "lock" && len(arguments) == 1 {
		return c.lock(context.Background(), arguments[0])
	}
	if verb == "bench" && len(arguments) > 4 {
		return c.bench(arguments[0], arguments[1], arguments[2], arguments[3], arguments[4:])
	}
	if verb == "write" && len(arguments) == 2 {
		return c.write(arguments[0], arguments[1])
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	switch {
	case verb == "unlock" && len(arguments) == 0:
		return nil, c.unlock(ctx)
	case verb == "put" && len(arguments) == 2:
		return nil, c.put(ctx, arguments[0], arguments[1])
	case verb == "ephemeral" && len(arguments) == 2:
		return nil, c.put(ctx, arguments[0], arguments[1], clientv3.WithLease(c.session.Lease()))
	case verb == "get" && len(arguments) == 1:
		return c.get(ctx, arguments[0])
	case verb == "tree" && len(arguments) == 1:
		return c.tree(ctx, arguments[0])
	case verb == "delete" && len(arguments) == 1:
		_, err := c.etcd.Delete(ctx, arguments[0])
		return nil, err
	case verb == "close" && len(arguments) == 0:
		return nil, c.session.Close()
	}
	return nil, fmt.Errorf("no such request: %s with %d arguments", verb, len(arguments))
}

func (c *client) lock(ctx context.Context, key string) ([]string, error) {
	mutex := concurrency.NewMutex(c.session, key)
	if err := mutex.Lock(ctx); err != nil {
		return nil, err
	}
	c.held = mutex
	return []string{mutex.Key()}, nil
}

func (c *client) unlock(ctx context.Context) error {
	if c.held == nil {
		return fmt.Errorf("no lock is held")
	}
	err := c.held.Unlock(ctx)
	c.held = nil
	return err
}

func (c *client) put(ctx context.Context, key, value string, options ...clientv3.OpOption) error {
	bytes, err := hex.DecodeString(value)
	if err != nil {
		return err
	}
	_, err = c.etcd.Put(ctx, key, string(bytes), options...)
	return err
}

func (c *client) get(ctx context.Context, key string) ([]string, error) {
	found, err := c.etcd.Get(ctx, key)
	if err != nil || len(found.Kvs) == 0 {
		return nil, err
	}
	return []string{hex.EncodeToString(found.Kvs[0].Value)}, nil
}

func (c *client) tree(ctx context.Context, key string) ([]string, error) {
	own, err := c.get(ctx, key)
	if err != nil {
		return nil, err
	}
	var fields []string
	if own != nil {
		fields = append(fields, key, own[0])
	}
	below, err := c.etcd.Get(ctx, key+"/", clientv3.WithPrefix())
	if err != nil {
		return nil, err
	}
	for _, entry := range below.Kvs {
		fields = append(fields, string(entry.Key), hex.EncodeToString(entry.Value))
	}
	return fields, nil
}
