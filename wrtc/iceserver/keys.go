//go:build !js

package iceserver

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"github.com/pion/stun/v4"
	"github.com/pion/turn/v5"

	"github.com/peer-exchange/exchange/identity"
)

// keys makes and checks credentials without remembering any (draft-uberti-behave-turn-rest): the username is the second at which they expire, a colon and the peer ID,
// the password an HMAC of it under a key that dies with the server.
type keys struct {
	key  [32]byte
	life time.Duration
}

func newKeys(life time.Duration) *keys {
	k := &keys{life: life}
	_, _ = rand.Read(k.key[:]) // never fails
	return k
}

func (k *keys) issue(peer string, now time.Time) (username, password string) {
	username = strconv.FormatInt(now.Add(k.life).Unix(), 10) + ":" + peer
	return username, k.password(username)
}

func (k *keys) password(username string) string {
	mac := hmac.New(sha256.New, k.key[:])
	mac.Write([]byte(username))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// peer is whom a username was issued to, and until when it is good.
func (*keys) peer(username string) (peer string, expires time.Time, ok bool) {
	text, peer, found := strings.Cut(username, ":")
	at, err := strconv.ParseInt(text, 10, 64)
	if _, idErr := identity.ParseID(peer); !found || err != nil || idErr != nil {
		return "", time.Time{}, false
	}
	return peer, time.Unix(at, 0), true
}

// Credentials are for one peer, and good for new allocations for as long as it says; what was allocated by then may go on until TURN.AllocationTime has
// passed. Any number may be issued, and a peer's count as one for its quotas. Empty without TURN. They are secret: to be sent to that peer alone.
func (s *Server) Credentials(peer identity.ID) (username, password string, life time.Duration) {
	if s.relay == nil {
		return "", "", 0
	}
	username, password = s.relay.keys.issue(peer.String(), time.Now())
	return username, password, s.relay.cfg.CredentialTime
}

// authenticate is pion/turn's question for the key of a username; it checks that the request was signed with it.
func (r *relay) authenticate(ra *turn.RequestAttributes) (peer string, key []byte, ok bool) {
	peer, expires, ok := r.keys.peer(ra.Username)
	if !ok || ra.Method == stun.MethodAllocate && !time.Now().Before(expires) {
		return "", nil, false
	}
	r.asking = peer
	return peer, turn.GenerateAuthKey(ra.Username, ra.Realm, r.keys.password(ra.Username)), true
}
