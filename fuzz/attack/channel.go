package attack

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/logging"
	"github.com/pion/webrtc/v4"

	"github.com/peer-exchange/exchange/pxp"
)

// channel is a data channel with the target, by pion: package wrtc would refuse what is done with it. All is on loopback.
type channel struct {
	ctx  context.Context
	a    *asker
	pc   *webrtc.PeerConnection
	data *webrtc.DataChannel
}

// newPeerConnection is an end that offers. It has the channel that both ends of version 2 make.
func newPeerConnection() (*webrtc.PeerConnection, *webrtc.DataChannel, error) {
	var se webrtc.SettingEngine
	se.LoggerFactory = &logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled}
	se.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	se.SetIncludeLoopbackCandidate(true)
	se.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	se.SetInterfaceFilter(func(name string) bool {
		i, err := net.InterfaceByName(name)
		return err == nil && i.Flags&net.FlagLoopback != 0
	})
	se.SetSCTPMaxMessageSize(1 << 20)
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(se), webrtc.WithMediaEngine(&webrtc.MediaEngine{})).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, nil, err
	}
	negotiated, id := true, uint16(0)
	data, err := pc.CreateDataChannel("pxp", &webrtc.DataChannelInit{Negotiated: &negotiated, ID: &id})
	if err != nil {
		return nil, nil, errors.Join(err, pc.Close())
	}
	return pc, data, nil
}

// offered makes the offer of pc, with its addresses in it.
func offered(pc *webrtc.PeerConnection) (string, error) {
	gathered := webrtc.GatheringCompletePromise(pc)
	offer, err := pc.CreateOffer(nil)
	if err == nil {
		err = pc.SetLocalDescription(offer)
	}
	if err != nil {
		return "", err
	}
	<-gathered
	return pc.LocalDescription().SDP, nil
}

// description is one that makes sense, of somebody who has gone.
func (a *asker) description() (string, error) {
	pc, _, err := newPeerConnection()
	if err != nil {
		return "", err
	}
	sdp, err := offered(pc)
	return sdp, errors.Join(err, pc.GracefulClose())
}

// connect offers a channel, of which change may falsify the description, and does what do says when it is open. It waits for
// the end that the target makes of it, and for no more than 20 s.
func (a *asker) connect(ctx context.Context, change func(sdp string) string, do func(c *channel)) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	pc, data, err := newPeerConnection()
	if err != nil {
		return err
	}
	defer func() { _ = pc.GracefulClose() }()
	opened, closed := make(chan struct{}), make(chan struct{})
	data.OnOpen(func() { close(opened) })
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateFailed || s == webrtc.PeerConnectionStateClosed {
			cancel()
		}
	})
	data.OnClose(func() { close(closed) })
	sdp, err := offered(pc)
	if err != nil {
		return err
	}
	if change != nil {
		sdp = change(sdp)
	}
	a.offer(sdp)
	c := &channel{ctx, a, pc, data}
	if err := c.listen(opened); err != nil {
		return nil // the target did not want it
	}
	a.p.count(func(t *Tally) { t.Channels++ })
	do(c)
	select {
	case <-closed:
	case <-a.done:
	case <-ctx.Done():
	}
	return nil
}

// listen takes the target's signals until the channel is open.
func (c *channel) listen(opened <-chan struct{}) error {
	for {
		select {
		case up := <-c.a.signals:
			switch up.Kind {
			case pxp.UpgradeAnswer:
				if err := c.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: up.Text}); err != nil {
					return err
				}
			case pxp.UpgradeCandidate:
				_ = c.pc.AddICECandidate(webrtc.ICECandidateInit{Candidate: up.Text})
			}
		case <-opened:
			return nil
		case <-c.a.done:
			return errEnded
		case <-c.ctx.Done():
			return context.Cause(c.ctx)
		}
	}
}

func (c *channel) send(b []byte)     { _ = c.data.Send(b) }
func (c *channel) sendText(s string) { _ = c.data.SendText(s) }

// many opens channels until the target has enough.
func (c *channel) many() {
	for range 5000 {
		if _, err := c.pc.CreateDataChannel("one more", nil); err != nil || c.ended() {
			return
		}
	}
}

// flood sends, as fast as the other end takes it, until it has enough.
func (c *channel) flood() {
	low := make(chan struct{}, 1)
	c.data.SetBufferedAmountLowThreshold(64 << 10)
	c.data.OnBufferedAmountLow(func() {
		select {
		case low <- struct{}{}:
		default:
		}
	})
	for !c.ended() {
		if c.data.BufferedAmount() < 256<<10 {
			if c.data.Send(make([]byte, 16<<10)) != nil {
				return
			}
			continue
		}
		select {
		case <-low:
		case <-c.a.done:
			return
		case <-c.ctx.Done():
			return
		}
	}
}

// ended says whether the target has had enough.
func (c *channel) ended() bool {
	return c.ctx.Err() != nil || c.a.ended() || c.data.ReadyState() != webrtc.DataChannelStateOpen
}
