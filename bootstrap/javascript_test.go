package bootstrap

// Environment of the tests that run in JavaScript.
const (
	echoURL   = "EXCHANGE_TEST_ECHO_URL"
	silentURL = "EXCHANGE_TEST_SILENT_URL"
)
