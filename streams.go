package exchange

import (
	"strings"

	"github.com/peer-exchange/exchange/pxp"
)

// acceptStreams hands the streams that a peer opens to whom their names say,
// until the session ends.
func (s *session) acceptStreams(peer *Peer) {
	var data *Conn // the last data stream that the peer opened
	for {
		stream, err := s.mux.Accept(s.ex.ctx)
		if err != nil {
			s.end(lost(err))
			return
		}
		name := stream.Name()
		switch {
		case name == s.ex.dataName:
			if data != nil && !data.closed.Load() {
				stream.Reset() // one at a time
				continue
			}
			first := data == nil && !s.dialer
			data = newConn(peer, stream)
			if first {
				s.first <- data
			} else {
				s.ex.Deliver(data)
			}
		case strings.HasPrefix(name, "relay:"):
			token, ok := pxp.ParseRelayStream(name)
			if !ok || !s.ex.slots.join(token, peer, stream) {
				stream.Reset()
			}
		default:
			s.ex.mu.Lock()
			l := s.ex.listeners[name]
			s.ex.mu.Unlock()
			if l == nil {
				s.ex.log.Debug("stream reset: nobody listens", "name", clean(name), "peer", s.remote)
				stream.Reset()
				continue
			}
			l.push(newConn(peer, stream))
		}
	}
}
