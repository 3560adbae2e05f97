package kanuusql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Dialect names a database engine.
type Dialect string

// The engines: PostgreSQL from 13, MySQL from 8.0 and MariaDB from 10.6, SQLite from
// 3.35.
const (
	Postgres Dialect = "postgres"
	MySQL    Dialect = "mysql"
	SQLite   Dialect = "sqlite"
)

var dialects = []Dialect{Postgres, MySQL, SQLite}

// txOptions ask for READ COMMITTED: a transaction that waited for the lock of a row
// has to read what the others committed. SQLite has one writer at a time.
func (d Dialect) txOptions() *sql.TxOptions {
	if d == SQLite {
		return nil
	}
	return &sql.TxOptions{Isolation: sql.LevelReadCommitted}
}

// rebind numbers the placeholders of a statement, as PostgreSQL wants them.
func (d Dialect) rebind(statement string) string {
	if d != Postgres {
		return statement
	}
	var b strings.Builder
	for i, part := range strings.Split(statement, "?") {
		if i > 0 {
			b.WriteString("$" + strconv.Itoa(i))
		}
		b.WriteString(part)
	}
	return b.String()
}

// lockSuffix ends an INSERT that creates a row or locks the one that is there.
func (d Dialect) lockSuffix(key string) string {
	if d == MySQL {
		return " ON DUPLICATE KEY UPDATE account = account"
	}
	return " ON CONFLICT (" + key + ") DO UPDATE SET account = excluded.account"
}

// insertNew makes an INSERT that keeps the row that has the key already, for [isNew].
// Other rows that the engine refuses are errors, which MySQL's INSERT IGNORE would hide.
func (d Dialect) insertNew(insert, key string) string {
	if d == MySQL { // LAST_INSERT_ID is returned with the result of a duplicate
		return insert + fmt.Sprintf(" ON DUPLICATE KEY UPDATE %[1]s = IF(LAST_INSERT_ID(1), %[1]s, %[1]s)", key)
	}
	return insert + " ON CONFLICT DO NOTHING"
}

// isNew reports whether a statement of insertNew inserted its row.
func (d Dialect) isNew(result sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	if d == MySQL { // how many rows it affected depends on clientFoundRows
		duplicate, err := result.LastInsertId()
		return duplicate == 0, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// bind makes an argument of a time; NULL if it is zero. Own texts do not depend on the
// options of a driver.
func (d Dialect) bind(t time.Time) any {
	switch {
	case t.IsZero():
		return nil
	case d == Postgres:
		return t.UTC()
	}
	return t.UTC().Format(time.DateTime)
}

// scan makes a destination of a time.
func (d Dialect) scan(t *time.Time) sql.Scanner { return &timeScanner{t, d} }

type timeScanner struct {
	to      *time.Time
	dialect Dialect
}

// Scan accepts what the drivers of the three engines return.
func (s *timeScanner) Scan(value any) error {
	var text string
	switch value := value.(type) {
	case nil:
		*s.to = time.Time{}
		return nil
	case time.Time:
		if s.dialect == MySQL { // its wall clock is what is stored, whatever location the DSN names
			_, offset := value.Zone()
			value = value.Add(time.Duration(offset) * time.Second)
		}
		*s.to = value.UTC()
		return nil
	case string:
		text = value
	case []byte:
		text = string(value)
	}
	for _, layout := range []string{time.DateTime, "2006-01-02 15:04:05Z07", time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			*s.to = t.UTC()
			return nil
		}
	}
	return fmt.Errorf("%T is not a time", value)
}

// isTransient reports whether the transaction may succeed in another run: a deadlock,
// a serialization failure, a lock that was not granted, or a lost connection. No driver
// is imported, so it goes by SQLSTATE and by the texts of the engines.
func (d Dialect) isTransient(err error) bool {
	if errors.Is(err, driver.ErrBadConn) {
		return true
	}
	var texts []string
	switch d {
	case Postgres:
		var state interface{ SQLState() string }
		return errors.As(err, &state) && slices.Contains([]string{"40001", "40P01", "55P03"}, state.SQLState())
	case MySQL: // deadlock, lock wait timeout, record changed since it was read
		texts = []string{"Error 1213", "Error 1205", "Error 1020"}
	case SQLite:
		texts = []string{"SQLITE_BUSY", "SQLITE_LOCKED", "database is locked", "database table is locked"}
	}
	return err != nil && slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(err.Error(), text) })
}

// check looks for a setting that the store cannot work with.
func (d Dialect) check(ctx context.Context, db *sql.DB) (problem string, err error) {
	if d != SQLite {
		return "", nil
	}
	var milliseconds int
	if err := db.QueryRowContext(ctx, "PRAGMA busy_timeout").Scan(&milliseconds); err != nil {
		return "", fmt.Errorf("kanuusql: read busy_timeout: %w", err)
	}
	if milliseconds < minBusyTimeout {
		return fmt.Sprintf("busy_timeout of SQLite is %d ms, so concurrent webhooks fail: set at least %d ms for each "+
			`connection, such as with "file:app.db?_pragma=busy_timeout(3000)"`, milliseconds, minBusyTimeout), nil
	}
	return "", nil
}

const minBusyTimeout = 500 // ms
