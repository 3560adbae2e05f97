package conformance

// TableWith is table with the result's head and the framework's row in it.
func TableWith(r Result, table, framework string) string { return r.writeTo(table, framework) }
