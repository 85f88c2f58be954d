package main

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// Puts a key again and again for so long, one after the other, each with a second to succeed. Tells the longest time from one that
// succeeded to the next, or to the end, in nanoseconds; how many succeeded; how many failed.
func (c *client) write(key, length string) ([]string, error) {
	const patience, pause = time.Second, 2 * time.Millisecond
	count, err := strconv.Atoi(length)
	if err != nil {
		return nil, err
	}
	last := time.Now()
	end := last.Add(time.Duration(count) * time.Second)
	var longest time.Duration
	measure := func() {
		if gap := time.Since(last); gap > longest {
			longest = gap
		}
	}
	written, failed := 0, 0
	for time.Now().Before(end) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		_, err := c.etcd.Put(ctx, key, strconv.Itoa(written))
		cancel()
		if err == nil {
			measure()
			last = time.Now()
			written++
		} else {
			failed++
		}
		time.Sleep(pause)
	}
	measure()
	return []string{fmt.Sprint(longest.Nanoseconds()), fmt.Sprint(written), fmt.Sprint(failed)}, nil
}
