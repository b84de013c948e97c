// An echo peer over quic-go: "echo server CERT KEY ALPN [retry]" prints its port and echoes until its input ends;
// "echo client ADDR ROOTS ALPN SIZE…" sends so many bytes on a stream each and checks what comes back;
// "echo resume ADDR ROOTS ALPN SIZE…" earns a ticket, prints "ticket", waits for a line of input, and does so on a resumed
// connection, whose first flight has the data in it where the ticket allows that (0-RTT).
package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/quic-go/quic-go"
)

func check(err error) {
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
}

func serve(certificate, key, alpn string, retry bool) {
	pair, err := tls.LoadX509KeyPair(certificate, key)
	check(err)
	socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	check(err)
	transport := quic.Transport{Conn: socket, VerifySourceAddress: func(net.Addr) bool { return retry }}
	listener, err := transport.Listen(&tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{alpn}}, nil)
	check(err)
	fmt.Println("port", socket.LocalAddr().(*net.UDPAddr).Port)
	go func() {
		for {
			conn, err := listener.Accept(context.Background())
			if err != nil {
				return
			}
			go echo(conn)
		}
	}()
	io.Copy(io.Discard, os.Stdin)
}

func echo(conn quic.Connection) {
	for {
		stream, err := conn.AcceptStream(context.Background())
		if err != nil {
			return
		}
		go func() {
			if _, err := io.Copy(stream, stream); err == nil {
				stream.Close()
			}
		}()
	}
}

func clientConfig(roots, alpn string) *tls.Config {
	pem, err := os.ReadFile(roots)
	check(err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return &tls.Config{RootCAs: pool, ServerName: "localhost", NextProtos: []string{alpn}}
}

func connect(address string, security *tls.Config, sizes []string) {
	ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
	defer stop()
	conn, err := quic.DialAddr(ctx, address, security, nil)
	check(err)
	fmt.Println("alpn", conn.ConnectionState().TLS.NegotiatedProtocol)
	for _, size := range sizes {
		check(askEcho(ctx, conn, size))
	}
	check(conn.CloseWithError(7, "done"))
}

func askEcho(ctx context.Context, conn quic.Connection, text string) error {
	size, err := strconv.Atoi(text)
	check(err)
	sent := make([]byte, size)
	rand.Read(sent)
	stream, err := conn.OpenStreamSync(ctx)
	if err != nil {
		return err
	}
	go func() {
		stream.Write(sent)
		stream.Close()
	}()
	received, err := io.ReadAll(stream)
	if err != nil {
		return err
	}
	fmt.Println("echo", len(received), bytes.Equal(sent, received))
	return nil
}

// A cache of sessions that tells when it has one.
type tickets struct {
	tls.ClientSessionCache
	arrived chan struct{}
}

func (t tickets) Put(key string, state *tls.ClientSessionState) {
	t.ClientSessionCache.Put(key, state)
	if state != nil {
		select {
		case t.arrived <- struct{}{}:
		default:
		}
	}
}

func resume(address string, security *tls.Config, sizes []string) {
	ctx, stop := context.WithTimeout(context.Background(), 40*time.Second)
	defer stop()
	cache := tickets{tls.NewLRUClientSessionCache(1), make(chan struct{}, 1)}
	security.ClientSessionCache = cache
	first, err := quic.DialAddr(ctx, address, security, nil)
	check(err)
	<-cache.arrived
	check(first.CloseWithError(7, "done"))
	fmt.Println("ticket")
	bufio.NewReader(os.Stdin).ReadString('\n')

	early, err := quic.DialAddrEarly(ctx, address, security, nil)
	check(err)
	var conn quic.Connection = early
	for _, size := range sizes {
		err = askEcho(ctx, conn, size)
		if errors.Is(err, quic.Err0RTTRejected) {
			fmt.Println("rejected")
			conn, err = early.NextConnection(ctx)
			check(err)
			err = askEcho(ctx, conn, size)
		}
		check(err)
	}
	<-early.HandshakeComplete()
	fmt.Println("resumed", conn.ConnectionState().TLS.DidResume, "early", conn.ConnectionState().Used0RTT)
	check(conn.CloseWithError(7, "done"))
}

func main() {
	switch os.Args[1] {
	case "server":
		serve(os.Args[2], os.Args[3], os.Args[4], len(os.Args) > 5)
	case "resume":
		resume(os.Args[2], clientConfig(os.Args[3], os.Args[4]), os.Args[5:])
	default:
		connect(os.Args[2], clientConfig(os.Args[3], os.Args[4]), os.Args[5:])
	}
}
