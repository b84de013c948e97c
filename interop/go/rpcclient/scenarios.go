// A client of rpcnet/1, written from docs/wire-protocol.md alone. It makes one scenario of calls and prints what came of it.
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

const service = "interop.v1.Probe/"

func args(values ...any) []byte {
	if len(values) == 1 {
		return pack(nil, values[0])
	}
	return pack(nil, values)
}

func value(f frame, err error) any {
	if err != nil {
		return err
	}
	v, rest := unpack(f.payload)
	if len(rest) > 0 {
		return fmt.Sprintf("%d bytes after the value", len(rest))
	}
	return v
}

func drain(call *streamCall) (items []any) {
	for {
		next, err := call.next()
		if err != nil {
			return append(items, err)
		}
		items = append(items, next)
	}
}

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// waitFor asks the server until that many of its handlers wait.
func waitFor(ctx context.Context, c *client, count int) {
	for value(c.unary(ctx, service+"Waiting", nil, options{})) != count {
		check(ctx.Err())
		time.Sleep(time.Millisecond)
	}
}

var scenarios = map[string]func(ctx context.Context, c *client){
	"unary": func(ctx context.Context, c *client) {
		fmt.Println(value(c.unary(ctx, service+"Add", args(2, -5), options{})))
	},
	"concurrent": func(ctx context.Context, c *client) {
		var all sync.WaitGroup
		for i := range 500 {
			all.Add(1)
			go func() {
				defer all.Done()
				if v := value(c.unary(ctx, service+"Add", args(i, 1000), options{})); v != i+1000 {
					fmt.Println(i, v)
				}
			}()
		}
		all.Wait()
		fmt.Println("500 calls")
	},
	"metadata": func(ctx context.Context, c *client) {
		o := options{metadata: []any{"user", "ann", "token-bin", []byte{1, 2, 255}}}
		f, err := c.unary(ctx, service+"Greet", nil, o)
		fmt.Println(value(f, err), f.field(4), f.field(5))
	},
	"large": func(ctx context.Context, c *client) {
		data := bytes.Repeat([]byte("0123456789"), 100_000)
		answer, _ := value(c.unary(ctx, service+"Mirror", args(data), options{})).([]byte)
		fmt.Println(len(answer), bytes.Equal(answer, data))
	},
	"largeResponse": func(ctx context.Context, c *client) {
		answer, _ := value(c.unary(ctx, service+"Fill", args(1_000_000, 7), options{})).([]byte)
		fmt.Println(len(answer), bytes.Count(answer, []byte{7}))
	},
	"serverStreaming": func(ctx context.Context, c *client) {
		call, err := c.open(ctx, service+"Range", args(10, 3), options{}, false)
		check(err)
		fmt.Println(drain(call)...)
	},
	"clientStreaming": func(ctx context.Context, c *client) {
		call, err := c.open(ctx, service+"Sum", nil, options{}, true)
		check(err)
		for i := range 1000 {
			check(call.send(i))
		}
		check(call.sendEnd())
		fmt.Println(value(call.result()))
	},
	"bidirectional": func(ctx context.Context, c *client) {
		call, err := c.open(ctx, service+"Scale", args(3), options{}, true)
		check(err)
		for i := range 3 {
			check(call.send(i + 1))
			answer, err := call.next()
			check(err)
			fmt.Print(answer, " ")
		}
		check(call.sendEnd())
		fmt.Println(drain(call)...)
	},
	"fault": func(ctx context.Context, c *client) {
		fmt.Println(value(c.unary(ctx, service+"Fail", args(5, "no such row", []byte{0xc0, 0xff, 0xee}), options{})))
	},
	"unknownMethod": func(ctx context.Context, c *client) {
		_, err := c.unary(ctx, service+"Absent", nil, options{})
		e := err.(*faultError)
		fmt.Println(e.status, e.notExecuted)
	},
	"deadline": func(ctx context.Context, c *client) {
		begin := time.Now()
		_, err := c.unary(ctx, service+"Wait", nil, options{timeout: 200 * time.Millisecond})
		waitFor(ctx, c, 0)
		fmt.Println(err.(*faultError).status, time.Since(begin) >= 200*time.Millisecond)
	},
	"cancel": func(ctx context.Context, c *client) {
		given, giveUp := context.WithCancel(ctx)
		go func() {
			waitFor(ctx, c, 1)
			giveUp()
		}()
		_, err := c.unary(given, service+"Wait", nil, options{})
		waitFor(ctx, c, 0)
		fmt.Println(err.(*faultError).status)
	},
	"cancelStream": func(ctx context.Context, c *client) {
		call, err := c.open(ctx, service+"Endless", nil, options{}, false)
		check(err)
		first, _ := call.next()
		second, _ := call.next()
		waitFor(ctx, c, 1)
		call.CancelWrite(cancelled)
		call.CancelRead(cancelled)
		waitFor(ctx, c, 0)
		fmt.Println(first, second, "cancelled")
	},
	"health": func(ctx context.Context, c *client) {
		fmt.Println(value(c.unary(ctx, "rpcnet.Health/Check", args(""), options{})))
	},
	"drain": func(ctx context.Context, c *client) {
		fmt.Println(value(c.unary(ctx, service+"BeginDrain", nil, options{})), <-c.goAway != "")
		_, err := c.unary(ctx, service+"Add", args(1, 2), options{})
		e := err.(*faultError)
		fmt.Println(e.status, e.notExecuted)
	},
}

func main() {
	ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
	defer stop()
	address, roots := os.Args[1], x509.NewCertPool()
	pem, err := os.ReadFile(os.Args[2])
	check(err)
	roots.AppendCertsFromPEM(pem)
	for _, name := range strings.Split(os.Args[3], ",") {
		c, err := connect(ctx, address, &tls.Config{RootCAs: roots, ServerName: "localhost"})
		check(err)
		scenarios[name](ctx, c)
		check(c.conn.CloseWithError(noError, ""))
	}
}
