// A client of etcd that nobody here wrote, driven by lines: see ../src/process.rs for what it is told and answers.
//
// Usage: interop-go ENDPOINT[,ENDPOINT…] SESSION-SECONDS
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// A value of the greatest length in hexadecimal, and its key.
const longestLine = 4 << 20

func main() {
	client, err := connect(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, "interop-go:", err)
		os.Exit(1)
	}
	for line := range lines() {
		words := strings.Split(line, "\t")
		fields, err := client.do(words[0], words[1:])
		if err != nil {
			message := strings.Join(strings.Fields(err.Error()), " ")
			fmt.Println("error\t" + message)
		} else {
			fmt.Println(strings.Join(append([]string{"ok"}, fields...), "\t"))
		}
		if words[0] == "close" {
			return
		}
	}
}

// What is read while a lock is waited for, too: the end of the input ends the process at once, as a crash would.
func lines() <-chan string {
	read := make(chan string)
	go func() {
		input := bufio.NewScanner(os.Stdin)
		input.Buffer(nil, longestLine)
		for input.Scan() {
			read <- input.Text()
		}
		os.Exit(0)
	}()
	return read
}

func seconds(text string) (int, error) {
	seconds, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("the session's seconds: %w", err)
	}
	return seconds, nil
}
