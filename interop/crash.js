'use strict'

// How often @roamhq/wrtc crashes (SIGSEGV in RTCDataChannel::Send) when the other end closes a channel as this one writes
// to it. Nothing of this module and nothing of peer-exchange: two processes of simple-peer. By hand, on a busy machine:
//
//   node crash.js 60

const { fork } = require('child_process')
const RTCPeer = require('simple-peer')
const wrtc = require('@roamhq/wrtc')

const config = { iceServers: [] }

if (process.argv[2] === 'writer') write()
else count(Number(process.argv[2]) || 20)

function write () {
  const peer = new RTCPeer({ wrtc, config })
  peer.on('signal', (signal) => process.send(signal))
  process.on('message', (signal) => { if (!peer.destroyed) peer.signal(signal) })
  process.on('disconnect', () => process.exit(0))
  peer.on('error', () => {}) // it writes when the channel is closed, as it may
  peer.on('close', () => setTimeout(() => process.exit(0), 500))
  peer.on('connect', function more () {
    for (let i = 0; i < 5 && !peer.destroyed; i++) peer.write(Buffer.alloc(20))
    if (!peer.destroyed) setImmediate(more)
  })
}

async function count (rounds) {
  const ends = {}
  for (let i = 0; i < rounds; i++) {
    const end = await once()
    ends[end] = (ends[end] || 0) + 1
  }
  console.log(ends)
  process.exit(0)
}

function once () {
  return new Promise((resolve) => {
    const writer = fork(__filename, ['writer'], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
    const peer = new RTCPeer({ wrtc, config, initiator: true })
    writer.on('message', (signal) => { if (!peer.destroyed) peer.signal(signal) })
    peer.on('signal', (signal) => { if (writer.connected) writer.send(signal) })
    peer.on('error', () => {})
    peer.on('data', () => {})
    peer.on('connect', () => setTimeout(() => peer.destroy(), 500))
    writer.on('exit', (code, signal) => resolve(signal || 'status ' + code))
  })
}
