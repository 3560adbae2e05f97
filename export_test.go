package kanuu

// NewTransport is the transport of a client that is given none, for tests that
// have to make it trust their server.
var NewTransport = newTransport
