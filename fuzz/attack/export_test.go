package attack

// Talker is a transport that talks and never gets through, for the exchange that is attacked.
var Talker = talker{}
