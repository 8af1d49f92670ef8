// What Node.js has as globals and the packages use.
export { Buffer } from 'buffer'
export { default as process } from 'process/browser'
