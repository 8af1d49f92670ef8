package attack

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
)

// This file is what strangers do to the HTTP server where WebSockets are opened.

var webAttacks = []Attack{
	{"web/silence", "sends half a request", "10 s for the header, 8 requests for each address", 200, func(ctx context.Context, p *player) {
		p.web(ctx, false, func(c net.Conn) error {
			_, err := io.WriteString(c, "GET "+p.Path+" HTTP/1.1\r\nHost: x\r\n")
			return err
		})
	}},
	{"web/header", "sends a header without an end", "8 KiB of header", 0, func(ctx context.Context, p *player) {
		p.web(ctx, true, func(c net.Conn) error {
			_, err := io.WriteString(c, "GET "+p.Path+" HTTP/1.1\r\nHost: x\r\n"+strings.Repeat("X-A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n", 2000))
			return err
		})
	}},
	{"web/frame", "opens a WebSocket and announces a message of 2^62 bytes", "1 MiB of message", 0, func(ctx context.Context, p *player) {
		p.web(ctx, true, func(c net.Conn) error {
			_, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
				"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"+
				"\x82\xff\x40\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00%s", p.Path, strings.Repeat("x", 4096))
			return err
		})
	}},
	{"web/requests", "asks for pages that are not there", "Unauthenticated", 0, func(ctx context.Context, p *player) {
		p.web(ctx, true, func(c net.Conn) error {
			_, err := io.WriteString(c, "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
			return err
		})
	}},
}

// web opens sockets to the HTTP server and says what say says; and waits for the end of each, or leaves it open.
func (p *player) web(ctx context.Context, wait bool, say func(net.Conn) error) {
	lanes := 8
	p.each(ctx, lanes, func(lane int) error {
		c, err := p.open(ctx, p.DialWeb, lane)
		if err != nil {
			return err
		}
		err = say(c)
		if wait || err != nil {
			p.refused(ctx, c)
		}
		return err
	})
}
