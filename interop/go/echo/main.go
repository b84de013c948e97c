// An echo peer over quic-go: "echo server CERT KEY ALPN [retry]" prints its port and echoes until its input ends;
// "echo client ADDR ROOTS ALPN SIZE…" sends so many bytes on a stream each and checks what comes back.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
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

func connect(address, roots, alpn string, sizes []string) {
	ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
	defer stop()
	pem, err := os.ReadFile(roots)
	check(err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	conn, err := quic.DialAddr(ctx, address, &tls.Config{RootCAs: pool, ServerName: "localhost", NextProtos: []string{alpn}}, nil)
	check(err)
	fmt.Println("alpn", conn.ConnectionState().TLS.NegotiatedProtocol)
	for _, text := range sizes {
		size, err := strconv.Atoi(text)
		check(err)
		sent := make([]byte, size)
		rand.Read(sent)
		stream, err := conn.OpenStreamSync(ctx)
		check(err)
		go func() {
			stream.Write(sent)
			stream.Close()
		}()
		received, err := io.ReadAll(stream)
		check(err)
		fmt.Println("echo", len(received), bytes.Equal(sent, received))
	}
	check(conn.CloseWithError(7, "done"))
}

func main() {
	if os.Args[1] == "server" {
		serve(os.Args[2], os.Args[3], os.Args[4], len(os.Args) > 5)
	} else {
		connect(os.Args[2], os.Args[3], os.Args[4], os.Args[5:])
	}
}
