package kanuusql

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"github.com/kanuu-io/kanuu-go"
)

// Options of a [Store]. The zero value is ready for use.
type Options struct {
	// Prefix of the tables, default [DefaultPrefix].
	Prefix string

	// Account names the Paddle account that sends the alerts, default "live". Ids are
	// unique within an account: the sandbox needs another name, or tables of its own.
	Account string

	// PastDueGrace is how long a subscription gives access after its payment failed,
	// default 30 days. Negative: not at all.
	PastDueGrace time.Duration
}

// Store keeps the tables up to date and reads them. It is safe for concurrent use, and
// so are several stores and instances on the same tables.
type Store struct {
	db           *sql.DB
	dialect      Dialect
	prefix       string
	account      string
	pastDueGrace time.Duration
	handled      atomic.Bool
	statements   statements
}

// Tx is what the store needs of a transaction: a *sql.Tx, or a type that wraps one.
type Tx interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// New makes a store on a database whose tables [Store.Migrate], or a migration tool,
// has created. nil options are the defaults. The store does not close db.
//
// It returns a [*kanuu.ConfigError] with every problem: no db, an unknown dialect, an
// invalid option, or a busy_timeout of SQLite under 500 ms, which it reads from db.
func New(db *sql.DB, dialect Dialect, options *Options) (*Store, error) {
	set := Options{}
	if options != nil {
		set = *options
	}
	var problems []string
	if db == nil {
		problems = append(problems, "db is nil: open one with sql.Open")
	}
	if problem := checkDialect(dialect); problem != "" {
		problems = append(problems, problem)
	}
	if problem := checkPrefix(set.Prefix); problem != "" {
		problems = append(problems, problem)
	}
	if !storable(set.Account, maxAccount) {
		problems = append(problems, fmt.Sprintf("Options.Account is not a text of at most %d bytes", maxAccount))
	}
	if problems == nil {
		ctx, cancel := context.WithTimeout(context.Background(), checkTimeout)
		defer cancel()
		problem, err := dialect.check(ctx, db)
		if err != nil {
			return nil, err
		}
		if problem != "" {
			problems = append(problems, problem)
		}
	}
	if problems != nil {
		return nil, &kanuu.ConfigError{Problems: problems}
	}
	s := &Store{
		db: db, dialect: dialect, prefix: cmp.Or(set.Prefix, DefaultPrefix), account: cmp.Or(set.Account, "live"),
		pastDueGrace: set.PastDueGrace,
	}
	s.prepare()
	return s, nil
}

const (
	maxAccount   = 64 // bytes
	checkTimeout = 5 * time.Second
)

// sql replaces {} by the prefix, and numbers the placeholders if the dialect does.
func (s *Store) sql(statement string) string {
	return s.dialect.rebind(strings.ReplaceAll(statement, "{}", s.prefix))
}

// maxRuns of a transaction. Paddle delivers an alert again only after an hour.
const maxRuns = 3

// retry runs do again after a deadlock, while there is time.
func (s *Store) retry(ctx context.Context, do func() error) error {
	for run := 1; ; run++ {
		err := do()
		if err == nil || run == maxRuns || ctx.Err() != nil || !s.dialect.isTransient(err) {
			return err
		}
		pause := time.Duration(run) * (10*time.Millisecond + rand.N(20*time.Millisecond)) //nolint:gosec // no secret
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
	}
}

// transact runs do in a transaction, up to three times.
func (s *Store) transact(ctx context.Context, do func(tx *sql.Tx) error) error {
	err := s.retry(ctx, func() error {
		tx, err := s.db.BeginTx(ctx, s.dialect.txOptions())
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }() // no effect after Commit
		if err := do(tx); err != nil {
			return err
		}
		return tx.Commit()
	})
	if err != nil && ctx.Err() != nil { // database/sql would say that the transaction was rolled back
		err = fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	return err
}
