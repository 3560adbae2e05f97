package kanuusql

import (
	"cmp"
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/kanuu-io/kanuu-go"
)

// DefaultPrefix of the tables: kanuu_alerts, kanuu_subscriptions, kanuu_once.
const DefaultPrefix = "kanuu_"

//go:embed migrations
var migrations embed.FS

// Migrations returns the numbered SQL files that create the tables with the default
// prefix, for goose, golang-migrate and atlas. There are no down migrations: they would
// drop data that Paddle does not send again. golang-migrate needs multiStatements=true
// in the DSN of MySQL. It panics if the dialect is none of the package's.
func Migrations(dialect Dialect) fs.FS {
	if problem := checkDialect(dialect); problem != "" {
		panic("kanuusql: Migrations: " + problem)
	}
	files, err := fs.Sub(migrations, "migrations/"+string(dialect))
	if err != nil {
		panic(err) // the folders are embedded
	}
	return files
}

// Schema returns the SQL of all migrations with another prefix for the tables; an empty
// one is the default. It returns a [*kanuu.ConfigError] if the dialect is none of the
// package's, or if the prefix has other characters than a-z, 0-9 and _.
func Schema(dialect Dialect, prefix string) (string, error) {
	var problems []string
	if problem := checkDialect(dialect); problem != "" {
		problems = append(problems, problem)
	}
	if problem := checkPrefix(prefix); problem != "" {
		problems = append(problems, problem)
	}
	if problems != nil {
		return "", &kanuu.ConfigError{Problems: problems}
	}
	var all []string
	for _, m := range migrationsOf(dialect, prefix) {
		all = append(all, m.text)
	}
	return strings.Join(all, "\n"), nil
}

func checkDialect(dialect Dialect) (problem string) {
	if slices.Contains(dialects, dialect) {
		return ""
	}
	return fmt.Sprintf("the dialect is %q: use one of %q", dialect, dialects)
}

var validPrefix = regexp.MustCompile(`^([a-z_][a-z0-9_]{0,31})?$`)

func checkPrefix(prefix string) (problem string) {
	if validPrefix.MatchString(prefix) {
		return ""
	}
	return fmt.Sprintf("the prefix is %q: use at most 32 of a-z, 0-9 and _, and no digit at the beginning", prefix)
}

// migration is one file.
type migration struct {
	name, text string
}

func migrationsOf(dialect Dialect, prefix string) []migration {
	files, prefix := Migrations(dialect), cmp.Or(prefix, DefaultPrefix)
	names, _ := fs.Glob(files, "*.sql") // the pattern is valid, and the names are sorted
	list := make([]migration, 0, len(names))
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			panic(err) // it is embedded
		}
		list = append(list, migration{name, strings.ReplaceAll(string(text), DefaultPrefix, prefix)})
	}
	return list
}

// statements splits a file at the semicolons that end lines.
func (m migration) statements() []string {
	var list []string
	for part := range strings.SplitSeq(m.text, ";\n") {
		if strings.TrimSpace(part) != "" {
			list = append(list, part)
		}
	}
	return list
}

// Migrate creates the tables, or adds what a newer version of the package needs. It is
// for applications without a migration tool. Call it before the first webhook, also on
// several instances: they wait for each other. The table kanuu_schema
// lists the files that it ran. It never drops anything.
func (s *Store) Migrate(ctx context.Context) error {
	if err := s.migrate(ctx); err != nil {
		return fmt.Errorf("kanuusql: migrate: %w", err)
	}
	return nil
}

func (s *Store) migrate(ctx context.Context) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if s.dialect == MySQL { // where CREATE TABLE commits, so a lock cannot be that of a transaction
		name, got := s.prefix+"schema", sql.NullInt64{}
		if err := conn.QueryRowContext(ctx, "SELECT GET_LOCK(?, 60)", name).Scan(&got); err != nil {
			return err
		}
		if got.Int64 != 1 {
			return errors.New("another instance has been migrating for 60 s")
		}
		defer func() { _, _ = conn.ExecContext(context.WithoutCancel(ctx), "DO RELEASE_LOCK(?)", name) }()
	}
	return s.retry(ctx, func() error {
		tx, err := conn.BeginTx(ctx, s.dialect.txOptions())
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }()
		if err := s.runMigrations(ctx, tx); err != nil {
			return err
		}
		return tx.Commit()
	})
}

func (s *Store) runMigrations(ctx context.Context, tx *sql.Tx) error {
	if s.dialect == Postgres {
		if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock(hashtext($1))", s.prefix+"schema"); err != nil {
			return err
		}
	}
	names := map[Dialect]string{Postgres: "varchar(255)", MySQL: "varbinary(255)", SQLite: "text"}
	times := map[Dialect]string{Postgres: "timestamptz", MySQL: "datetime", SQLite: "text"}
	create := fmt.Sprintf("CREATE TABLE IF NOT EXISTS %sschema (name %s NOT NULL PRIMARY KEY, applied_at %s NOT NULL)",
		s.prefix, names[s.dialect], times[s.dialect])
	if _, err := tx.ExecContext(ctx, create); err != nil {
		return err
	}
	isApplied := s.sql("SELECT count(*) FROM {}schema WHERE name = ?")
	insert := s.sql("INSERT INTO {}schema (name, applied_at) VALUES (?, ?)")
	for _, m := range migrationsOf(s.dialect, s.prefix) {
		var applied bool
		if err := tx.QueryRowContext(ctx, isApplied, m.name).Scan(&applied); err != nil {
			return err
		}
		if applied {
			continue
		}
		for _, statement := range m.statements() { // each can run twice, as MySQL may need
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
		}
		if _, err := tx.ExecContext(ctx, insert, m.name, s.dialect.bind(time.Now())); err != nil {
			return err
		}
	}
	return nil
}
