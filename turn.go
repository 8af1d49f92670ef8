package exchange

import (
	"net"
	"strconv"
	"time"

	"github.com/peer-exchange/exchange/pxp"
	"github.com/peer-exchange/exchange/wrtc"
)

// This file is how peers get credentials for the TURN server that a node runs,
// and use them (PXP §8.10, §9.5).

// turnAccess is what a peer has given us. Its text is not for logs.
type turnAccess struct {
	port               uint16
	username, password string
	until              time.Time
}

// giveTURN sends a peer credentials, if we serve TURN. What cannot be sent ends the
// session elsewhere.
func (ex *Exchange) giveTURN(s *session) {
	if ex.turn == nil || s.version != pxp.Version || s.circuit {
		return
	}
	username, password, life := ex.turn(s.remote)
	if username == "" || life < time.Second {
		return
	}
	seconds := min(life, maxTURNLife) / time.Second
	err := s.control.send(pxp.Turn{Port: ex.stunPort, Username: username, Password: password, Seconds: uint32(seconds)})
	if err != nil {
		ex.log.Debug("giving a peer access to TURN", "peer", s.remote, "err", err)
	}
}

// maxTURNLife is how long peers are told that credentials are good, at most.
const maxTURNLife = pxp.MaxTurnSeconds * time.Second

// renewTURN gives all peers new credentials before the old ones expire.
func (ex *Exchange) renewTURN() {
	_, _, life := ex.turn(ex.id) // only for how long
	if life < time.Second {
		ex.log.Warn("Config.TURN gives no credentials: does its server serve TURN?")
		return
	}
	for ex.sleep(max(min(life, maxTURNLife)/2, time.Second)) {
		for p := range ex.Peers() {
			ex.giveTURN(p.s)
		}
	}
}

// takeTURN keeps what the remote has given.
func (s *session) takeTURN(m pxp.Turn) {
	ex := s.ex
	ex.mu.Lock()
	defer ex.mu.Unlock()
	s.turn = turnAccess{m.Port, m.Username, m.Password, time.Now().Add(time.Duration(m.Seconds) * time.Second)}
}

// turnServer is the remote's TURN server, at the host of its carrier, if we have
// credentials for it that are still good.
func (s *session) turnServer(host string) (server wrtc.ICEServer, ok bool) {
	s.ex.mu.Lock()
	t := s.turn
	s.ex.mu.Unlock()
	if t.port == 0 || t.username == "" || t.password == "" || !time.Now().Before(t.until) {
		return server, false
	}
	url := "turn:" + net.JoinHostPort(host, strconv.Itoa(int(t.port))) + "?transport=udp"
	return wrtc.ICEServer{URLs: []string{url}, Username: t.username, Credential: t.password}, true
}
