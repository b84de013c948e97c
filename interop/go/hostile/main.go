// A hostile peer over quic-go: "hostile ADDR ROOTS ALPN ATTACK COUNT" connects, does its worst, and prints how the connection
// ended, or "survived".
package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/quicvarint"
)

func check(err error) {
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
}

func varints(kind byte, values ...uint64) []byte {
	b := []byte{kind}
	for _, v := range values {
		b = quicvarint.Append(b, v)
	}
	return b
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// inject sends a frame when there is room for it, until the connection ends.
func inject(conn quic.Connection, frame []byte) {
	for quic.Queued(conn) > 1000 && conn.Context().Err() == nil {
		time.Sleep(time.Millisecond)
	}
	quic.Inject(conn, frame)
}

func newConnectionID(sequence, retirePriorTo int) []byte {
	frame := append(varints(0x18, uint64(sequence), uint64(retirePriorTo)), 8)
	return append(frame, random(8+16)...)
}

var attacks = map[string]func(conn quic.Connection, count int){
	// More connection ids than the server allows to have at once.
	"connectionIds": func(conn quic.Connection, count int) {
		for i := range count {
			inject(conn, newConnectionID(i+1, 0))
		}
	},
	// Each new connection id retires all others; the retirements are never acknowledged.
	"retirements": func(conn quic.Connection, count int) {
		quic.StopAcknowledging(conn)
		for i := range count {
			inject(conn, newConnectionID(i+1, i+1))
		}
	},
	// Retires ids that the server has never issued.
	"retireUnknown": func(conn quic.Connection, count int) {
		inject(conn, varints(0x19, uint64(count)))
	},
	// Asks for answers and never acknowledges them.
	"challenges": func(conn quic.Connection, count int) {
		quic.StopAcknowledging(conn)
		for range count {
			inject(conn, append([]byte{0x1a}, random(8)...))
		}
	},
	// A stream beyond the limit.
	"streamLimit": func(conn quic.Connection, count int) {
		inject(conn, append(varints(0x0a, uint64(4*count), 1), 0))
	},
	// Bytes far beyond the flow control windows.
	"flowControl": func(conn quic.Connection, count int) {
		inject(conn, append(varints(0x0e, 0, uint64(count)<<20, 1), 0))
	},
	// A stream whose end lies before what it has sent.
	"finalSize": func(conn quic.Connection, count int) {
		inject(conn, append(varints(0x0e, 0, uint64(count), 1), 0))
		inject(conn, varints(0x0f, 0, 0, 0))
	},
	"unknownFrame": func(conn quic.Connection, count int) {
		inject(conn, []byte{0x3f, 1, 2, 3})
	},
	// CRYPTO data with a hole before it, which must be kept.
	"crypto": func(conn quic.Connection, count int) {
		for i := range count {
			inject(conn, append(varints(0x06, uint64(10+2000*i), 1000), random(1000)...))
		}
	},
	// Opens streams and resets them at once.
	"resets": func(conn quic.Connection, count int) {
		for range count {
			ctx, stop := context.WithTimeout(conn.Context(), 5*time.Second)
			stream, err := conn.OpenStreamSync(ctx)
			stop()
			if err != nil {
				return
			}
			stream.Write([]byte{1})
			stream.CancelWrite(1)
			stream.CancelRead(1)
		}
	},
	// Opens every stream that it may and leaves each unfinished.
	"openStreams": func(conn quic.Connection, count int) {
		for range count {
			stream, err := conn.OpenStream()
			if err != nil {
				return
			}
			stream.Write(random(1000))
		}
	},
	// Has much echoed and acknowledges nothing, but keeps the connection alive.
	"silence": func(conn quic.Connection, count int) {
		quic.StopAcknowledging(conn)
		for range count {
			stream, err := conn.OpenStream()
			if err != nil {
				break
			}
			go func() {
				for {
					if _, err := stream.Write(random(10_000)); err != nil {
						return
					}
				}
			}()
		}
		for range 30 {
			time.Sleep(100 * time.Millisecond)
			quic.Inject(conn, []byte{0x01})
		}
	},
	// Random frames.
	"garbage": func(conn quic.Connection, count int) {
		for range count {
			frame := random(1 + int(random(1)[0]))
			frame[0] &= 0x1f
			inject(conn, frame)
		}
	},
}

func main() {
	ctx, stop := context.WithTimeout(context.Background(), 2*time.Minute)
	defer stop()
	pem, err := os.ReadFile(os.Args[2])
	check(err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	security := &tls.Config{RootCAs: pool, ServerName: "localhost", NextProtos: []string{os.Args[3]}}
	count, err := strconv.Atoi(os.Args[5])
	check(err)
	rounds := 1
	if os.Args[4] == "garbage" {
		rounds, count = count, 1
	}
	for range rounds {
		conn, err := quic.DialAddr(ctx, os.Args[1], security, nil)
		check(err)
		attacks[os.Args[4]](conn, count)
		select {
		case <-conn.Context().Done():
			if rounds == 1 {
				fmt.Println(context.Cause(conn.Context()))
			}
			continue
		case <-time.After(300 * time.Millisecond):
		}
		if rounds == 1 {
			fmt.Println("survived")
		}
		conn.CloseWithError(0, "")
	}
}
