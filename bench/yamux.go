package main

import (
	"io"
	"net"
	"sync"

	"github.com/hashicorp/yamux"
)

// hashicorp is hashicorp/yamux over TCP, as it comes: a 256 KiB window, and
// nothing encrypted.
type hashicorp struct{}

func (hashicorp) name() string { return "yamux" }

func yamuxConfig() *yamux.Config {
	cfg := yamux.DefaultConfig()
	cfg.LogOutput = io.Discard
	return cfg
}

func (hashicorp) start(l line, serve func(stream)) (ends, error) {
	accept := func(c net.Conn) {
		s, err := yamux.Server(c, yamuxConfig())
		if err != nil {
			c.Close()
			return
		}
		var streams sync.WaitGroup
		for {
			accepted, err := s.AcceptStream()
			if err != nil {
				break
			}
			streams.Go(func() { serve(accepted) }) // ends with the session, waited for below
		}
		s.Close()
		streams.Wait()
	}
	return newOverTCP(l, accept, func(c net.Conn, ended func()) (session, error) {
		s, err := yamux.Client(c, yamuxConfig())
		return &yamuxSession{s, ended}, err
	})
}

type yamuxSession struct {
	*yamux.Session
	ended func()
}

func (s *yamuxSession) open() (stream, error) { return s.OpenStream() }

func (s *yamuxSession) close() {
	s.Close()
	s.ended()
}
