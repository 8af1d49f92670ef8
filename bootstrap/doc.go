// Package bootstrap is how a node meets its first peers: it dials and listens
// on TCP and WebSocket ([Dial], [Listen], [Handler]), keeps an exchange
// connected to a list of seeds, and remembers peers that were reachable
// ([Join]). Where peers come from after that is the exchange's own matter
// ([exchange.Exchange.GetNewPeer]).
//
// Peers are named by URLs ([ParseURL]):
//
//	tcp://example.org:8000
//	wss://example.org/pxp#27onw4ht3m3vtvxmkr5gzb42asdmwgiai7nzrhlwfe7lvy3mnjpq
//
// What follows # is the peer ID that must be found there; without it whoever
// proves membership in the network is accepted.
//
// In a browser (GOOS=js) only ws and wss URLs can be dialed; Listen and Handler
// are absent.
package bootstrap
